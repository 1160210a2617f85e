/* Leaving a computation. */
#ifndef OUTSIDE_H
#define OUTSIDE_H

/*
 * A process whose environment says this is no member, although it descends from one; nor are its
 * own descendants. The engine's search for members reads it from /proc/PID/environ.
 */
#define OUTSIDE_MARKER "DMTCP_NOCHECKPOINT"

/* Makes the environment that of a process outside, for the next exec(2). */
void outside_environment(void);

#endif

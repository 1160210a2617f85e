/* Placeholders for parents, session and group leaders that were not part of the computation. */
#ifndef HOLDER_H
#define HOLDER_H

/*
 * Stays until process 1 ends: reaps its children and reports what becomes of them as
 * MESSAGE_CHILD on @report_fd. Closes every other descriptor. All signals must be blocked.
 */
void holder_run(int report_fd) __attribute__((noreturn));

#endif

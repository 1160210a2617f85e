/* Checkpoints that nobody calls: of the clock and of a signal. */
#ifndef MTCP_ALARM_H
#define MTCP_ALARM_H

/* The program has been restarted: the interval begins anew. */
void alarm_restart(void);
/* In a forked child, which does not have the thread. */
void alarm_forget(void);

#endif

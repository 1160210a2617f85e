/* Brings what is on its way between members into the receivers' queues, and back. */
#ifndef INET_DRAIN_H
#define INET_DRAIN_H

#include "inet_table.h"

/* Within @timeout_ms. Also after a failure inet_refill() is due before the members run. */
int inet_drain(struct inet_table *t, struct round *r, uint32_t timeout_ms, struct fault *fault);
/*
 * Puts back options, and data that had to be read out; closes the borrowed descriptors. Receive
 * buffers that must stay large for a moment go to the round's settling.
 */
void inet_refill(struct inet_table *t, struct round *r);
/* Connections between members are to end without TIME_WAIT: SO_LINGER of 0, engine-facts 12.5. */
void inet_set_linger(struct inet_table *t);

#endif

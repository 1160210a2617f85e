/* Brings what is on its way between members into the receivers' queues, and back. */
#ifndef INET_DRAIN_H
#define INET_DRAIN_H

#include "inet_table.h"

/* Within @timeout_ms. Also after a failure inet_refill() is due before the members run. */
int inet_drain(struct inet_table *t, uint32_t timeout_ms, struct fault *fault);
/* Puts back options, and data that had to be read out; closes the borrowed descriptors. */
void inet_refill(struct inet_table *t);
/* Connections between members are to end without TIME_WAIT: SO_LINGER of 0, engine-facts 12.5. */
void inet_set_linger(struct inet_table *t);
/* Makes the receive queue of @fd take @bytes more. SO_RCVLOWAT is to be put back afterwards. */
void inet_make_room(int fd, int bytes);

/*
 * Tells the sender of the room at @fd, for which it would ask ever more rarely: tcp_cleanup_rbuf()
 * after any read. Not where a peek would move SO_PEEK_OFF.
 */
void inet_tell_room(int fd);

#endif

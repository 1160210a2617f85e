/*
 * A process that holds what had to be read out of full TCP connections, and puts it back: when its
 * engine says so, or has died. The programs do not run before.
 */
#ifndef INET_KEEPER_H
#define INET_KEEPER_H

#include "inet_table.h"

struct inet_keeper;

/*
 * Reads out all that the peers of the marked sockets (@to_keep, ends of connections between members)
 * have received and will receive. From then on inet_kept() of the peers; also after a failure, but
 * -ENOMEM, inet_keeper_put_back() is due before the members run. -ETIMEDOUT: not all has come.
 */
int inet_keeper_take(struct inet_table *t, struct round *r, uint64_t deadline_ms);
/*
 * What of @s has been read out, in front of its queue. @urgent (0: none; else its value + 1) stood
 * behind @urgent_at of these bytes.
 */
uint64_t inet_kept(const struct inet_table *t, const struct inet_info *s, const uint8_t **data,
		   uint32_t *urgent, uint64_t *urgent_at);
/*
 * Members of a connection that cannot be put back whole are told of its end (ECONNRESET). Where it
 * takes too long they stay parked until the keeper is ready.
 */
void inet_keeper_put_back(struct inet_table *t, struct round *r);

#endif

/*
 * TCP connections to other hosts that the front has made anew (restart/rendezvous.h), as the
 * builder gets them: a file with their number, a struct inet_met of each, and the queues.
 */
#ifndef INET_MET_H
#define INET_MET_H

#include "../restart/rebuild.h"
#include "inet_room.h"

struct inet_met {
	uint64_t connection;
	int32_t fd;
	uint32_t urgent; /* as in struct inet_payload, of the other end */
	uint64_t urgent_at;
	uint64_t offset, bytes; /* in the file: what the other end's queue held, to be sent */
	struct inet_room room;  /* of the builder: what its receive buffer is to be again */
};

/* Takes over all that the table on descriptor @table_fd names, and the table. */
int inet_met_adopt(struct rebuild *r, int table_fd, struct fault *fault);
void inet_met_free(struct rebuild *r);

/* NULL: it has not been met. */
struct inet_met *inet_met_find(struct rebuild *r, uint64_t connection);
struct inet_met *inet_met_all(struct rebuild *r, size_t *count);
/* The queue, which the caller frees. */
int inet_met_read(struct rebuild *r, const struct inet_met *c, void **data);

#endif

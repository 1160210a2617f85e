/* Who waits in the queue of a listening socket, and whether he can be connected again. */
#ifndef BACKLOG_CLIENTS_H
#define BACKLOG_CLIENTS_H

#include <sys/un.h>

#include "inet_table.h"
#include "inventory.h"

#define ACKNOWLEDGED_MS 200 /* a late acknowledgement on one host: TCP_DELACK_MAX */

struct waiting_client {
	struct process *process; /* whose it is; NULL: it has closed */
	struct waiting_number {
		int number;
		bool close_on_exec;
	} *numbers; /* of its socket */
	size_t number_count;
	uint32_t flags;
	struct inet_address from, to; /* of TCP, known when it has been accepted */
	int accepted;                 /* the other end while it is ours, -1 */
	bool ended;
	struct buffer data;
	struct buffer whole; /* instead of @data, where there is urgent data: taken out */
	size_t urgent_at;
	uint16_t urgent; /* 1 + the byte; 0: none */
};

struct waiting_line {
	struct inventory_entry *listener;
	uint64_t inode;
	int family, type;
	struct waiting_client *clients; /* in the order of the queue */
	size_t count;
	struct waiting_client *candidates; /* of TCP: until it is known whose is which */
	size_t candidate_count;
	struct sockaddr_un inside, outside; /* its name for members, and for us */
	socklen_t inside_bytes, outside_bytes;
};

/*
 * The queue of @e, if it listens and there is one of whom it is not known what he has sent: else
 * @line->count is 0. -EAGAIN socket-not-accepted: one of them could not come back.
 */
int waiting_line_read(struct round *r, struct inventory_entry *e, struct waiting_line *line,
		      struct fault *fault);
/* TCP: which accepted connection is whose. */
void waiting_line_match(struct waiting_line *line);
void waiting_line_free(struct waiting_line *line);

uint64_t waiting_file_id(struct inventory *i, uint64_t inode);
/* The first entry of the same file in the inventory. */
struct inventory_entry *inventory_inode_first(struct inventory *i, const struct inventory_entry *e);

#endif

/* All TCP and UDP sockets of a round: which of them are the two ends of one connection. */
#ifndef INET_TABLE_H
#define INET_TABLE_H

#include "inet_address.h"
#include "inet_ended.h"
#include "inet_remote.h"
#include "inet_room.h"
#include "inventory.h"

struct inet_info {
	struct inventory_entry *entry; /* first descriptor on it; NULL: not of a round */
	uint64_t inode;
	int family, type, protocol;
	uint32_t tcp_state;   /* TCP_ESTABLISHED...; of UDP the kernel says CLOSE or ESTABLISHED */
	uint32_t backlog;     /* of a listener */
	bool was_connected;   /* of a closed one: its port may be another socket's, too */
	enum inet_end end;    /* of a closed one */
	uint64_t bytes_sent;  /* ever */
	struct inet_address local, remote;
	struct inet_info *peer;     /* other end, of a member; NULL: none */
	const struct inet_remote *far;    /* the peer is a member on another host; NULL: it is not */
	struct inet_info *listener; /* of a client that has not been accepted: a member's */
	bool known;                 /* what it has sent to @listener is: backlog.h */
	int fd;                     /* borrowed while draining, else -1 */
	struct inet_room room;      /* its receive buffer, to put back */
	int64_t expected;           /* what has arrived when all of a far peer's bytes are there */
	bool corked;                /* TCP_CORK was set, taken off while draining */
	bool to_keep;               /* what it sends has to be read out: inet_keeper.h */
	size_t kept;                /* so has its own queue: the keeper's number of it, 0: no */
};

struct inet_table {
	struct inet_info *sockets; /* ascending by inode */
	size_t count, capacity;
	struct inet_keeper *keeper; /* until the refill; NULL: none was needed */
};

/* Collects the sockets of all members and finds the pairs. */
int inet_table_read(struct round *r, struct inet_table **out, struct fault *fault);
/*
 * The same by hand: every socket, then once all pairs. Takes over @fd in every case; -ENOMEM.
 * @entry: of a round's inventory, or NULL.
 */
int inet_table_add(struct inet_table *t, int fd, uint64_t inode, struct inventory_entry *entry);
int inet_table_pair(struct inet_table *t);
/* Marks those whose peer is a member on another host. */
void inet_table_mark_remotes(struct inet_table *t, const struct inet_remote *remotes, size_t count);
void inet_table_free(struct inet_table *t);
struct inet_info *inet_table_find(struct inet_table *t, uint64_t inode);

bool inet_is_stream(const struct inet_info *s);
/* Has this end sent its FIN? */
bool inet_has_closed(uint32_t tcp_state);
/* The same address and port; one mapped into IPv6 equals the IPv4 one. */
bool inet_same_address(const struct inet_address *a, const struct inet_address *b);

#endif

/*
 * Clients that have spoken before they were accepted. What they have sent lies in sockets that
 * nobody has, and only accept(2) gets at it, which cannot be undone: they are accepted, looked at,
 * and connected again in their order, by new sockets in place of the clients'. That is the last resort,
 * when the server has not accepted them while it could (run_freeze()).
 */
#ifndef BACKLOG_H
#define BACKLOG_H

#include "inet_table.h"
#include "inventory.h"
#include "unix_diag.h"

struct backlog_client {
	uint64_t listener, client; /* inodes; client 0: it has closed */
	struct inet_address from;  /* of TCP */
	bool ended;                /* it sends no more */
	struct buffer data;        /* struct queued_message */
};

struct backlog {
	struct backlog_client *clients; /* of one listener in its order */
	size_t count;
};

/*
 * Everything frozen. 1: connections have been made anew, what is known of descriptors is no longer
 * right; 0: nothing to do. -EAGAIN socket-not-accepted: that is not possible here.
 */
int backlog_take(struct round *r, struct fault *fault);
void backlog_free(struct round *r);
/* Is it known what the clients of the listener with this inode have sent? */
bool backlog_knows(const struct round *r, uint64_t listener);
/* Its records; @file_id is the listener's. */
void backlog_capture(struct capture *c, uint64_t listener, uint64_t file_id);

/* ---- backlog_restore.c ---- */

/* What the client number @index of the listener has sent; connected by @fd. 0 or -errno. */
int backlog_send(struct rebuilt_process *p, uint64_t listener, uint32_t index, int fd);
/* Connects the clients of a TCP listener, @fd, in their order. */
int backlog_connect(struct rebuilt_process *p, uint64_t listener, int fd);
/* The client with this file id is connected by that. */
bool backlog_has_client(struct rebuild *r, uint64_t file_id);

struct backlog_record { /* RECORD_BACKLOG; the data is the tail */
	uint64_t listener, client; /* file ids; client 0: it has closed */
	uint32_t index;
	uint32_t ended;
	struct inet_address from;
};

#endif

/*
 * One connection being made anew between two hosts: who connects says which one is meant, then both
 * sides give the other what their own queue held. docs/restart-connections.md.
 */
#ifndef MEETING_H
#define MEETING_H

#include <poll.h>

#include "../descriptor/inet_socket.h"

#define MEETING_TOKEN_BYTES 16

enum meeting_state { MEETING_AWAITED, MEETING_TALKING, MEETING_MET, MEETING_LOST };

struct meeting_queue { /* on the wire: little-endian, as images are */
	uint64_t bytes;
	uint64_t urgent_at;
	uint32_t urgent, reserved; /* as in struct inet_payload */
};

struct meeting {
	uint64_t connection, file;
	bool acceptor;
	struct inet_view view;
	enum meeting_state state;
	int fd;
	uint64_t last_ms; /* when something went to or fro */
	uint8_t *out;     /* what we have to say */
	size_t out_bytes, out_done;
	struct meeting_queue theirs;
	uint8_t *in; /* their queue: we are to send it */
	size_t in_done; /* header included */
};

/* Reads who has connected, within half a second; @token: what he must know. */
int meeting_greeted(int fd, const uint8_t token[MEETING_TOKEN_BYTES], uint64_t *connection);
/* Takes over the connected, non-blocking @fd. @token: the other side's, NULL: we have accepted. */
void meeting_begin(struct meeting *c, int fd, const uint8_t *token);
struct pollfd meeting_wants(const struct meeting *c);
void meeting_turn(struct meeting *c);
/* Gives up those that have been silent for @limit_ms. */
void meeting_limit(struct meeting *all, size_t count, uint32_t limit_ms);
/*
 * Descriptors of all that have been met, then one of a file with a struct inet_met of each
 * and the queues: for inet_met_adopt().
 */
int meeting_table(struct meeting *all, size_t count, int **fds, size_t *fd_count);
/* @keep: its descriptor is somebody else's by now, if it has been met. */
void meeting_free(struct meeting *c, bool keep);

#endif

/* Messages that wait in a Unix or UDP socket: looked at without taking them, and sent again. */
#ifndef SOCKET_QUEUE_H
#define SOCKET_QUEUE_H

#include "descriptor.h"
#include "inventory.h"

struct queued_message { /* part of the image format */
	uint32_t bytes;         /* of data */
	uint32_t address_bytes; /* of the sender, 0: none */
	uint32_t rights;        /* descriptors on their way: their file ids */
	uint32_t has_credentials;
	int32_t virtual_pid;
	uint32_t uid, gid;
	uint32_t reserved;
	/* follows: file ids, then address, then data, padded to 8 bytes */
};

/*
 * Appends what is queued in @fd to @out, *@count messages: of a stream, what was sent together.
 * Descriptors in flight are identified in @r's inventory. The socket is left as it was.
 */
int socket_queue_peek(struct round *r, int fd, struct buffer *out, uint32_t *count,
		      struct fault *fault);

/* One message of @queue, taken apart; pointers into it. */
struct message_view {
	struct queued_message head;
	const uint64_t *rights;
	const void *address;
	const void *data;
};

/* Takes apart the message at *@offset and moves on. False: there is none. */
bool socket_queue_next(const void *queue, size_t bytes, size_t *offset, struct message_view *m);

#endif

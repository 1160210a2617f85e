/* Unix sockets in an image: unix_socket.c captures, unix_restore.c and unix_queue.c restore. */
#ifndef UNIX_SOCKET_H
#define UNIX_SOCKET_H

#include "descriptor.h"
#include "socket_options.h"
#include "unix_diag.h"

enum unix_state { /* part of the image format */
	UNIX_LOOSE = 0,     /* neither connected nor listening */
	UNIX_CONNECTED = 1,
	UNIX_LISTENING = 2,
	UNIX_WAITING = 3,   /* connected to a listener that has not accepted it */
};

enum unix_peer { /* part of the image format */
	UNIX_PEER_NONE = 0,
	UNIX_PEER_MEMBER = 1,
	UNIX_PEER_GONE = 2,
	UNIX_PEER_OUTSIDE = 3,
};

#define UNIX_FILE_NAME_BYTES 256 /* NAME_MAX, and the end */

struct unix_name {
	uint32_t bytes; /* 0: none; abstract ones begin with a 0 byte */
	uint32_t deleted; /* the file system does not have it (any more) */
	uint32_t mode;
	uint32_t reserved;
	char text[UNIX_NAME_BYTES];
	uint32_t directory_bytes; /* a relative name's; in the tail */
};

struct unix_payload {
	uint32_t bytes; /* of this struct */
	uint32_t type;  /* SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET */
	uint32_t state, peer;
	uint64_t object;    /* of this socket, for what the restart keeps beside it */
	uint64_t peer_file; /* 0: none of the images */
	uint32_t shutdown;  /* bit 0: receiving, bit 1: sending */
	uint32_t backlog;
	int32_t standard; /* 0, 1, 2: a member has it there, its peer is outside */
	uint32_t options, messages, waiting;
	uint32_t queue_bytes;
	struct unix_name name;
	struct unix_name peer_name; /* of a datagram socket's peer, in or outside */
	/* What SO_PEERCRED says; of a listening socket, of who made it one. 0: unknown. */
	int32_t peer_pid;
	uint32_t peer_uid, peer_gid;
	uint32_t urgent;    /* 0: no MSG_OOB byte; else its value + 1 */
	uint64_t urgent_at; /* bytes of the queue in front of it */
	uint32_t urgent_seen; /* the queue has it too, at that place */
	uint32_t has_owner;   /* the name's file belongs to owner_uid and owner_gid */
	char renamed[UNIX_FILE_NAME_BYTES]; /* its file in the directory of name now, if another */
	uint32_t owner_uid, owner_gid;
	/* tail: directory of name, directory of peer_name, padding to 8, options, file ids of the
	 * waiting clients, queue */
};

struct unix_view {
	struct unix_payload head;
	char directory[4096], peer_directory[4096]; /* empty: none */
	const struct socket_option *options;
	const uint64_t *waiting;
	const void *queue;
};

/* The table of a round, if it has such sockets and unless it has been read. */
int unix_sockets_read(struct round *r, struct fault *fault);

/* False: the payload is shorter than it says, or a name longer than any. */
bool unix_view_read(const void *payload, size_t bytes, struct unix_view *v);

/* Connected to one of the images, as socketpair(2), connect(2) or accept(2) made it. */
bool unix_is_half_of_pair(const struct unix_view *v);

void unix_describe(const void *payload, size_t bytes, json_t *out); /* socket_describe.c */
int unix_restore(struct rebuilt_process *p, const struct file_record *f, const void *payload,
		 size_t bytes, int *fd);
int unix_restore_last(struct rebuilt_process *p, const struct file_record *f, const void *payload,
		      size_t bytes, int fd);

#endif

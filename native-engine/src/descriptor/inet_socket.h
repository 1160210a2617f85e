/* TCP and UDP sockets in an image: inet_socket.c captures, inet_restore.c restores. */
#ifndef INET_SOCKET_H
#define INET_SOCKET_H

#include "inet_table.h"
#include "socket_options.h"

enum inet_state { /* part of the image format */
	INET_LOOSE = 0,      /* perhaps bound */
	INET_LISTENING = 1,
	INET_CONNECTED = 2,
	INET_WAITING = 3,    /* connected to a listener that has not accepted it: a member's, or */
			     /* with INET_PEER_REMOTE one's that was on another host */
	INET_CONNECTING = 4, /* its peer has not answered yet */
	INET_REFUSED = 5,    /* its peer has refused it, of which it has not been told */
};

enum inet_peer { /* part of the image format */
	INET_PEER_NONE = 0,
	INET_PEER_MEMBER = 1,
	INET_PEER_GONE = 2,    /* had closed: end of file after the queue */
	INET_PEER_OUTSIDE = 3, /* reset after the queue */
	INET_PEER_REMOTE = 4,  /* a member that was on another host */
	INET_PEER_RESET = 5,   /* has reset it: that, after the queue */
};

struct inet_payload {
	uint32_t bytes; /* of this struct */
	int32_t family, type, protocol;
	uint32_t state, peer;
	uint64_t object;    /* of this socket, for what the restart keeps beside it */
	uint64_t peer_file; /* or the listener's of a waiting client */
	uint32_t closed;    /* it has sent its end of file */
	uint32_t reads_end; /* shutdown(SHUT_RD) */
	uint32_t backlog, accepted;
	int32_t standard;   /* 0, 1, 2: a member has it there, its peer is outside */
	uint32_t options, messages;
	struct inet_address local, remote;
	uint64_t queue_bytes;
	uint64_t urgent_at; /* bytes of the queue in front of the urgent one */
	uint32_t urgent;    /* 0: none waits; else its value + 1 */
	uint32_t acceptor;  /* of a remote peer's: this end waits for it */
	uint64_t connection; /* the same number in the image that has the other end */
	uint32_t was_connected; /* of INET_LOOSE: the connection has ended */
	uint32_t reserved;
	/*
	 * tail: options, queue: plain bytes of a stream, messages of datagrams, of a listener the
	 * numbers of the connections (uint64_t) of other hosts that it has not accepted
	 */
};

struct inet_view {
	struct inet_payload head;
	const struct socket_option *options;
	const void *queue;
};

bool inet_view_read(const void *payload, size_t bytes, struct inet_view *v);
/* Number @index of the connections that wait at the listener @v; 0: there are no more. */
uint64_t inet_waiting_at(const struct inet_view *v, size_t index);

void inet_describe(const void *payload, size_t bytes, json_t *out); /* socket_describe.c */
int inet_restore(struct rebuilt_process *p, const struct file_record *f, const void *payload,
		 size_t bytes, int *fd);
int inet_restore_last(struct rebuilt_process *p, const struct file_record *f, const void *payload,
		      size_t bytes, int fd);

#endif

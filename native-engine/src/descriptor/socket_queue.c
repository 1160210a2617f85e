#include "socket_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../engine/round.h"

#define MESSAGE_BYTES (4u << 20) /* no datagram that a plain user may send is larger */
#define CONTROL_BYTES 4096       /* 253 descriptors at most: SCM_MAX_FD in net/scm.h */

static size_t padding(size_t bytes)
{
	return -bytes & 7;
}

struct peeked {
	struct queued_message head;
	uint64_t rights[256];
	struct sockaddr_storage address;
};

/* What came beside the data. Descriptors are ours now: identified and closed. */
static int read_control(struct round *r, struct msghdr *message, struct peeked *p,
			struct fault *fault)
{
	int ret = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_CREDENTIALS) {
			struct ucred credentials;

			memcpy(&credentials, CMSG_DATA(c), sizeof(credentials));
			p->head.has_credentials = 1;
			p->head.virtual_pid = round_virtual_pid(r, credentials.pid);
			p->head.uid = credentials.uid;
			p->head.gid = credentials.gid;
		} else if (c->cmsg_type == SCM_RIGHTS) {
			size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

			for (size_t n = 0; n < count; n++) {
				int fd;

				memcpy(&fd, CMSG_DATA(c) + n * sizeof(int), sizeof(fd));
				if (!ret && p->head.rights < 256)
					ret = inventory_identify(r, fd,
								 &p->rights[p->head.rights++],
								 fault);
				close(fd);
			}
		}
	}
	return ret;
}

static void append_message(struct buffer *out, const struct peeked *p, const void *data)
{
	static const uint8_t zeros[8];
	size_t bytes = p->head.rights * sizeof(uint64_t) + p->head.address_bytes + p->head.bytes;

	buffer_append(out, &p->head, sizeof(p->head));
	buffer_append(out, p->rights, p->head.rights * sizeof(uint64_t));
	buffer_append(out, &p->address, p->head.address_bytes);
	buffer_append(out, data, p->head.bytes);
	buffer_append(out, zeros, padding(bytes));
}

struct looked_at {
	int fd;
	bool stream;       /* nothing read: its end */
	bool sequenced;    /* nothing read: its end, or an empty message */
	int credentials;  /* what the program has set */
};

/*
 * A message of a sequenced socket comes with its sender's credentials when these are asked for; the
 * end that a closed peer leaves does not (unix_dgram_recvmsg in net/unix/af_unix.c).
 */
static bool is_end(const struct looked_at *l, const struct peeked *p)
{
	return !p->head.bytes && (l->stream || (l->sequenced && !p->head.has_credentials));
}

/* 1: a message, 0: no more. */
static int peek_one(struct round *r, const struct looked_at *l, struct buffer *out, uint8_t *data,
		    struct fault *fault)
{
	char control[CONTROL_BYTES];
	struct peeked p = { 0 };
	struct iovec iov = { .iov_base = data, .iov_len = MESSAGE_BYTES };
	struct msghdr message = {
		.msg_name = &p.address,
		.msg_namelen = sizeof(p.address),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t bytes = recvmsg(l->fd, &message, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int ret;

	if (bytes < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
	ret = read_control(r, &message, &p, fault);
	if (ret)
		return ret;
	if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return -EMSGSIZE;
	p.head.bytes = bytes;
	p.head.address_bytes = message.msg_namelen;
	if (is_end(l, &p))
		return 0;
	p.head.has_credentials = p.head.has_credentials && l->credentials;
	append_message(out, &p, data);
	return 1;
}

/*
 * An empty message that somebody has peeked at is passed over by a peek with SO_PEEK_OFF
 * (__skb_try_recv_from_queue in net/core/datagram.c). A program does that to the first one only; a
 * peek without that option shows it, and marks it. 1: it was there, and the others are behind it.
 */
static int peek_first_empty(struct round *r, const struct looked_at *l, struct buffer *out,
			    uint8_t *data, struct fault *fault)
{
	struct buffer first = { 0 };
	struct message_view m;
	size_t offset = 0;
	int ret = peek_one(r, l, &first, data, fault);

	if (ret == 1) {
		ret = socket_queue_next(first.data, first.bytes, &offset, &m) && !m.head.bytes;
		if (ret)
			buffer_append(out, first.data, first.bytes);
	}
	buffer_free(&first);
	return ret;
}

static int option(int fd, int name)
{
	int value = 0;
	socklen_t length = sizeof(value);

	getsockopt(fd, SOL_SOCKET, name, &value, &length);
	return value;
}

int socket_queue_peek(struct round *r, int fd, struct buffer *out, uint32_t *count,
		      struct fault *fault)
{
	struct looked_at l = {
		.fd = fd,
		.stream = option(fd, SO_TYPE) == SOCK_STREAM,
		.sequenced = option(fd, SO_TYPE) == SOCK_SEQPACKET,
		.credentials = option(fd, SO_PASSCRED),
	};
	int offset = option(fd, SO_PEEK_OFF), none = -1, start = 0, on = 1, ret = 0;
	uint8_t *data = malloc(MESSAGE_BYTES);

	*count = 0;
	if (!data)
		return -ENOMEM;
	if (l.sequenced)
		setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &none, sizeof(none));
	if (!l.stream)
		ret = peek_first_empty(r, &l, out, data, fault);
	if (ret >= 0) {
		*count = ret;
		ret = setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &start, sizeof(start)) ? -errno : 1;
	}
	while (ret == 1 && !out->failed) {
		ret = peek_one(r, &l, out, data, fault);
		*count += ret == 1;
	}
	if (l.sequenced)
		setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &l.credentials, sizeof(l.credentials));
	setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset));
	free(data);
	return out->failed ? -ENOMEM : ret;
}

bool socket_queue_next(const void *queue, size_t bytes, size_t *offset, struct message_view *m)
{
	const uint8_t *next = (const uint8_t *)queue + *offset;
	size_t left = bytes - *offset, needed;

	if (*offset > bytes || left < sizeof(m->head))
		return false;
	memcpy(&m->head, next, sizeof(m->head));
	needed = m->head.rights * sizeof(uint64_t) + (size_t)m->head.address_bytes + m->head.bytes;
	needed += padding(needed);
	if (needed > left - sizeof(m->head))
		return false;
	next += sizeof(m->head);
	m->rights = (const uint64_t *)next;
	m->address = next + m->head.rights * sizeof(uint64_t);
	m->data = (const uint8_t *)m->address + m->head.address_bytes;
	*offset += sizeof(m->head) + needed;
	return true;
}

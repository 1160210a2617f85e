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

/* 1: a message, 0: no more. */
static int peek_one(struct round *r, int fd, struct buffer *out, uint8_t *data, struct fault *fault)
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
	ssize_t bytes = recvmsg(fd, &message, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
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
	append_message(out, &p, data);
	return 1;
}

int socket_queue_peek(struct round *r, int fd, bool stream, struct buffer *out, uint32_t *count,
		      struct fault *fault)
{
	int offset = -1, start = 0, waiting, ret;
	socklen_t length = sizeof(offset);
	uint8_t *data = malloc(MESSAGE_BYTES);

	*count = 0;
	if (!data)
		return -ENOMEM;
	getsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &offset, &length);
	if (setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &start, sizeof(start))) {
		ret = -errno;
		goto out;
	}
	do {
		size_t before = out->bytes;

		ret = peek_one(r, fd, out, data, fault);
		if (ret <= 0)
			break;
		waiting = ((struct queued_message *)(out->data + before))->bytes;
		if (stream && !waiting) { /* the end of the stream, not a message */
			out->bytes = before;
			ret = 0;
			break;
		}
		++*count;
	} while (!out->failed);
	setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset));
out:
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

/*
 * A peek marks an empty message (skb_set_peeked in net/core/datagram.c), and a later one with
 * SO_PEEK_OFF passes over what is marked; nothing takes the mark away. So a queue with such a
 * message goes round once. Every sender is found before the first message is taken, and each is
 * sent as soon as it has been: the queue has its place, the sender's buffer its bytes.
 */
#include "unix_renew.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../engine/round.h"
#include "socket_queue.h"
#include "unix_directory.h"
#include "unix_name.h"

#define MESSAGES_MOST 4096
#define SEND_TRIES 100 /* a millisecond apart; another process may have filled the place */
#define CONTROL_BYTES 4096
#define SHUT_RECEIVING 1
#define SHUT_SENDING 2

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif

struct renewal {
	struct inventory *inventory;
	const struct unix_info *socket;
	uint64_t device;
	int fd;
	struct sockaddr_un address; /* of the socket, for senders that are not connected to it */
	socklen_t address_bytes;    /* 0: it cannot be reached by a name */
	int directory_fd;
	struct {
		int fd;
		bool addressed;
	} *senders; /* one per message */
	size_t count;
	size_t largest;
};

static bool is_set(int fd, int option)
{
	int value = 0;
	socklen_t length = sizeof(value);

	return !getsockopt(fd, SOL_SOCKET, option, &value, &length) && value;
}

/* With these a message tells who sent it, and when: that would be we, and now. */
static bool tells_more(int fd)
{
	static const int options[] = { SO_PASSCRED, SO_PASSPIDFD, SO_PASSSEC, SO_TIMESTAMP,
				       SO_TIMESTAMPNS, SO_TIMESTAMPING };

	for (size_t n = 0; n < sizeof(options) / sizeof(options[0]); n++)
		if (is_set(fd, options[n]))
			return true;
	return false;
}

static bool has_empty(const struct buffer *queue)
{
	struct message_view m;
	size_t offset = 0;

	while (socket_queue_next(queue->data, queue->bytes, &offset, &m))
		if (!m.head.bytes)
			return true;
	return false;
}

/* Where the socket answers now, if that is really it. */
static void find_address(struct renewal *w, struct round *r, const struct process *owner)
{
	const struct unix_info *s = w->socket;
	char directory[PATH_MAX] = "";
	struct unix_name name = { .bytes = s->name_bytes };
	struct stat status;

	if (!s->name_bytes || s->has_peer)
		return;
	memcpy(name.text, s->name, s->name_bytes);
	if (!unix_is_abstract(&name)) {
		name.bytes = strnlen(name.text, name.bytes);
		if (name.text[0] != '/')
			unix_find_directory(r, owner->pid, w->fd, s, directory);
	}
	w->address_bytes = unix_address_of(NULL, &name, directory, &w->address, &w->directory_fd);
	if (!unix_is_abstract(&name) && (stat(w->address.sun_path, &status) ||
					 (uint32_t)status.st_ino != s->file_inode))
		w->address_bytes = 0;
}

static int borrow(struct renewal *w, uint32_t inode)
{
	struct inventory_entry **e;
	size_t count;

	e = inventory_inode(w->inventory, w->device, inode, &count);
	return count ? inventory_borrow(e[0]) : -ENOENT;
}

static bool is_from(const struct unix_info *sender, const struct message_view *m)
{
	size_t head = offsetof(struct sockaddr_un, sun_path);
	size_t bytes = m->head.address_bytes > head ? m->head.address_bytes - head : 0;

	return bytes == sender->name_bytes &&
	       !memcmp((const char *)m->address + head, sender->name, bytes);
}

/* A member's socket of the sender's name; for a nameless one, any without a name will do. */
static int find_sender(struct renewal *w, const struct message_view *m, bool *addressed)
{
	const struct unix_table *t = w->inventory->unix_sockets;
	int fd;

	for (size_t n = 0; n < t->count; n++) {
		const struct unix_info *s = &t->sockets[n];
		bool connected = s->has_peer && s->peer == w->socket->inode;

		if (s->type != w->socket->type || s->shutdown & SHUT_SENDING || !is_from(s, m) ||
		    (w->socket->has_peer && w->socket->peer != s->inode) ||
		    (!connected && !(w->address_bytes && s->name_bytes)))
			continue;
		fd = borrow(w, s->inode);
		if (fd >= 0 && tells_more(fd)) {
			close(fd);
			fd = -EPERM;
		}
		*addressed = !connected;
		if (fd >= 0)
			return fd;
	}
	if (m->head.address_bytes > offsetof(struct sockaddr_un, sun_path) || !w->address_bytes)
		return -ENOENT;
	fd = socket(AF_UNIX, w->socket->type | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&w->address, w->address_bytes)) {
		close(fd);
		fd = -1;
	}
	*addressed = false;
	return fd;
}

static bool find_senders(struct renewal *w, const struct buffer *queue)
{
	struct message_view m;
	size_t offset = 0;

	while (socket_queue_next(queue->data, queue->bytes, &offset, &m)) {
		int fd = w->count < MESSAGES_MOST ?
			 find_sender(w, &m, &w->senders[w->count].addressed) : -1;

		if (fd < 0)
			return false;
		w->senders[w->count++].fd = fd;
		if (m.head.bytes > w->largest)
			w->largest = m.head.bytes;
	}
	return true;
}

static void close_rights(struct msghdr *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t n = 0; n < count; n++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + n * sizeof(int), sizeof(fd));
			close(fd);
		}
	}
}

/* False: there was nothing to take. */
static bool pass_on(struct renewal *w, size_t n, void *data)
{
	char control[CONTROL_BYTES];
	struct iovec iov = { .iov_base = data, .iov_len = w->largest };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t bytes = recvmsg(w->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (bytes < 0)
		return false;
	iov.iov_len = bytes;
	message.msg_flags = 0;
	if (!message.msg_controllen)
		message.msg_control = NULL;
	if (w->senders[n].addressed) {
		message.msg_name = &w->address;
		message.msg_namelen = w->address_bytes;
	}
	for (int tries = 0; tries < SEND_TRIES; tries++) {
		if (sendmsg(w->senders[n].fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			break;
		poll(NULL, 0, 1);
	}
	close_rights(&message);
	return true;
}

void unix_renew(struct round *r, const struct process *owner, int fd,
		const struct unix_info *s, const struct buffer *queue)
{
	struct renewal w = {
		.inventory = r->descriptors,
		.socket = s,
		.fd = fd,
		.directory_fd = -1,
	};
	struct stat status;
	int peeked = -1;
	socklen_t length = sizeof(peeked);
	void *data = NULL;

	if (!has_empty(queue) || s->type == SOCK_STREAM || s->shutdown & SHUT_RECEIVING ||
	    tells_more(fd) || fstat(fd, &status))
		return;
	w.device = status.st_dev;
	w.senders = calloc(MESSAGES_MOST, sizeof(*w.senders));
	if (!w.senders)
		return;
	find_address(&w, r, owner);
	if (find_senders(&w, queue))
		data = malloc(w.largest + 1);
	getsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &peeked, &length);
	for (size_t n = 0; data && n < w.count; n++)
		if (!pass_on(&w, n, data))
			break;
	setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &peeked, sizeof(peeked));
	for (size_t n = 0; n < w.count; n++)
		close(w.senders[n].fd);
	if (w.directory_fd >= 0)
		close(w.directory_fd);
	free(w.senders);
	free(data);
}

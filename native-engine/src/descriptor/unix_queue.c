/*
 * Unix sockets: what is restored when all processes stand. Queued messages are sent, clients that
 * waited are connected, directions are shut down.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../restart/rebuild.h"
#include "backlog.h"
#include "file_index.h"
#include "kinds.h"
#include "socket_queue.h"
#include "unix_name.h"

static int send_message(struct rebuilt_process *p, int sender, const struct sockaddr_un *to,
			socklen_t to_bytes, const struct message_view *m)
{
	char control[CMSG_SPACE(256 * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
	struct iovec iov = { .iov_base = (void *)m->data, .iov_len = m->head.bytes };
	struct msghdr message = {
		.msg_name = (void *)to,
		.msg_namelen = to_bytes,
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
	};
	struct cmsghdr *c = (struct cmsghdr *)control;
	size_t sent = 0;

	memset(control, 0, sizeof(control));
	if (m->head.rights && m->head.rights <= 256) {
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(m->head.rights * sizeof(int));
		for (uint32_t n = 0; n < m->head.rights; n++) {
			uint64_t id;
			int fd;

			memcpy(&id, &m->rights[n], sizeof(id));
			fd = file_index_open(p, id);
			if (fd < 0)
				return fd;
			memcpy(CMSG_DATA(c) + n * sizeof(int), &fd, sizeof(fd));
		}
		message.msg_controllen += CMSG_SPACE(m->head.rights * sizeof(int));
		c = (struct cmsghdr *)(control + message.msg_controllen);
	}
	if (m->head.has_credentials && m->head.virtual_pid) {
		struct ucred credentials = { m->head.virtual_pid, m->head.uid, m->head.gid };

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_CREDENTIALS;
		c->cmsg_len = CMSG_LEN(sizeof(credentials));
		memcpy(CMSG_DATA(c), &credentials, sizeof(credentials));
		message.msg_controllen += CMSG_SPACE(sizeof(credentials));
	}
	if (!message.msg_controllen)
		message.msg_control = NULL;
	do {
		ssize_t n = sendmsg(sender, &message, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EPERM && m->head.has_credentials) {
			/* Another's credentials need a privilege: then our own. */
			message.msg_controllen -= CMSG_SPACE(sizeof(struct ucred));
			if (!message.msg_controllen)
				message.msg_control = NULL;
			n = sendmsg(sender, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
		}
		if (n < 0)
			return -errno;
		sent += n;
		iov.iov_base = (uint8_t *)iov.iov_base + n;
		iov.iov_len -= n;
		message.msg_control = NULL;
		message.msg_controllen = 0;
	} while (sent < m->head.bytes);
	return 0;
}

/* A socket with the sender's name: the member's own, else one for this message. */
static int sender_named(struct rebuilt_process *p, const struct message_view *m, bool *ours)
{
	struct unix_view *found = malloc(sizeof(*found));
	size_t position = 0, bytes;
	struct sockaddr_un address = { 0 };
	struct unix_name name = { 0 };
	struct file_view f;
	int fd = -1;

	if (!found)
		return -ENOMEM;
	bytes = m->head.address_bytes < sizeof(address) ? m->head.address_bytes : sizeof(address);
	memcpy(&address, m->address, bytes);
	bytes -= bytes < offsetof(struct sockaddr_un, sun_path)
			 ? bytes
			 : offsetof(struct sockaddr_un, sun_path);
	name.bytes = bytes && address.sun_path[0] ? strnlen(address.sun_path, bytes) : bytes;
	memcpy(name.text, address.sun_path, name.bytes);
	unix_name_here(p->image, &name);
	memcpy(address.sun_path, name.text, sizeof(address.sun_path));
	while (name.bytes && file_index_next(p->rebuild, FILE_UNIX_SOCKET, &position, &f)) {
		if (unix_view_here(p->image, f.payload, f.bytes, found) &&
		    found->head.type == SOCK_DGRAM &&
		    unix_same_name(&found->head.name, &name)) {
			fd = file_index_open(p, f.head.id);
			*ours = false;
			break;
		}
	}
	free(found);
	if (fd >= 0)
		return fd;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	*ours = true;
	/* Its sender has gone: the name is for the message only, if nobody else has it by now. */
	if (name.bytes && !unix_is_abstract(&name) && address.sun_path[0] != '/')
		unix_bind_relative(fd, &name);
	else if (unix_is_abstract(&name) || (name.bytes && access(address.sun_path, F_OK))) {
		if (!unix_bind_text(fd, &name, "/") && !unix_is_abstract(&name))
			unlink(address.sun_path);
	}
	return fd;
}

/*
 * The urgent byte, when it is the turn of the one behind @sent others; a queue that has it too begins
 * its message @m (NULL: no more) with it.
 */
static int send_urgent(int sender, const struct unix_payload *u, uint64_t sent,
		       struct message_view *m)
{
	uint8_t byte = u->urgent - 1;

	if (!u->urgent || sent != u->urgent_at)
		return 0;
	if (send(sender, &byte, 1, MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL) != 1)
		return -errno;
	if (m && u->urgent_seen) {
		m->data = (const uint8_t *)m->data + 1;
		m->head.bytes--;
	}
	return 0;
}

static int send_queue(struct rebuilt_process *p, const struct unix_view *v)
{
	int connected = unix_is_half_of_pair(v) ? rebuild_lookup(p->rebuild, v->head.peer_file ?
					v->head.peer_file : v->head.object) : -1;
	struct sockaddr_un address;
	struct message_view m;
	int directory_fd = -1, ret = 0;
	socklen_t length = 0;
	uint64_t sent = 0;
	size_t offset = 0;

	if (connected < 0 && unix_is_half_of_pair(v))
		connected = rebuild_lookup(p->rebuild, v->head.object);
	if (connected < 0)
		length = unix_address_of(&v->head, &v->head.name, v->directory, &address, &directory_fd);
	while (!ret && socket_queue_next(v->queue, v->head.queue_bytes, &offset, &m)) {
		uint64_t bytes = m.head.bytes;
		bool ours = false;
		int sender = connected;

		if (sender < 0)
			sender = sender_named(p, &m, &ours);
		ret = sender < 0 ? sender : send_urgent(sender, &v->head, sent, &m);
		sent += bytes;
		if (!ret && (m.head.bytes || !bytes))
			ret = send_message(p, sender, length ? &address : NULL, length, &m);
		if (ours)
			close(sender);
	}
	if (!ret && connected >= 0 && !v->head.urgent_seen)
		ret = send_urgent(connected, &v->head, sent, NULL);
	if (directory_fd >= 0)
		close(directory_fd);
	return ret;
}

/* Connects the clients that were waiting for accept(2), in their order. */
static int connect_waiting(struct rebuilt_process *p, const struct unix_view *v, uint64_t listener)
{
	for (uint32_t n = 0; n < v->head.waiting; n++) {
		uint64_t id;
		int fd, ret;

		memcpy(&id, &v->waiting[n], sizeof(id));
		fd = id ? file_index_open(p, id) : socket(AF_UNIX, v->head.type | SOCK_CLOEXEC, 0);
		if (fd < 0)
			return fd;
		ret = unix_connect_to(fd, &v->head, &v->head.name, v->directory, NULL);
		if (!ret)
			ret = backlog_send(p, listener, n, fd);
		if (!id)
			close(fd); /* its client had closed already */
		if (ret && ret != -EAGAIN)
			return ret;
	}
	return 0;
}

/* A datagram socket that was connected to another by name. */
static int connect_datagram(struct rebuilt_process *p, int fd, const struct unix_view *v)
{
	struct unix_payload peer;
	struct file_view f;
	bool member = file_index_find(p->rebuild, v->head.peer_file, &f);

	if (member)
		file_payload_head(f.payload, f.bytes, &peer, sizeof(peer));
	return unix_connect_to(fd, member ? &peer : NULL, &v->head.peer_name, v->peer_directory,
			       NULL);
}

int unix_restore_last(struct rebuilt_process *p, const struct file_record *f, const void *payload,
		      size_t bytes, int fd)
{
	struct unix_view *v = malloc(sizeof(*v));
	int ret = 0;

	if (!v)
		return -ENOMEM;
	if (!unix_view_here(p->image, payload, bytes, v)) {
		ret = -EPROTO;
		goto out;
	}
	if (v->head.queue_bytes || v->head.urgent)
		ret = send_queue(p, v);
	if (!ret && v->head.state == UNIX_LISTENING)
		ret = connect_waiting(p, v, f->id);
	/* A datagram socket takes messages from others until it is connected. A peer outside may
	 * have gone: then the program finds out as it would have. */
	if (!ret && v->head.state == UNIX_CONNECTED && !unix_is_half_of_pair(v) &&
			v->head.peer_name.bytes) {
		int connected = connect_datagram(p, fd, v);

		ret = v->head.peer == UNIX_PEER_MEMBER ? connected : 0;
	}
	/*
	 * Receiving here is sending there: both sides of a shutdown come back with the receiver's.
	 */
	if (!ret && v->head.shutdown & 1 && v->head.peer == UNIX_PEER_MEMBER)
		shutdown(fd, SHUT_RD);
	if (!ret && v->head.type == SOCK_DGRAM && v->head.shutdown & 2)
		shutdown(fd, SHUT_WR);
out:
	free(v);
	return ret ? fault_set(p->fault, -ret, "socket-not-restored",
			       "process %d: what waited in a Unix socket: %s",
			       p->image->header.virtual_pid, strerror(-ret)) : 0;
}

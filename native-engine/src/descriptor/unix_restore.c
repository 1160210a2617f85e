/*
 * Unix sockets: restore. Sockets, names and connections are made before any process exists; queued
 * messages are sent, and directions shut down, when all processes stand.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../restart/rebuild.h"
#include "file_index.h"
#include "kinds.h"
#include "socket_queue.h"
#include "unix_socket.h"

/* ---- names ---- */

static bool is_abstract(const struct unix_name *n)
{
	return n->bytes && !n->text[0];
}

static bool same_name(const struct unix_name *a, const struct unix_name *b)
{
	return a->bytes && a->bytes == b->bytes && !memcmp(a->text, b->text, a->bytes);
}

static socklen_t fill_address(struct sockaddr_un *address, const char *text, size_t bytes)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	if (bytes > sizeof(address->sun_path))
		bytes = sizeof(address->sun_path);
	memcpy(address->sun_path, text, bytes);
	return offsetof(struct sockaddr_un, sun_path) + bytes + (bytes && text[0] &&
								 bytes < sizeof(address->sun_path));
}

/* Absolute path of a name in the file system. */
static void path_of(const struct unix_name *n, const char *directory, char *path)
{
	if (n->text[0] == '/')
		snprintf(path, PATH_MAX, "%.*s", (int)n->bytes, n->text);
	else
		snprintf(path, PATH_MAX, "%.*s/%.*s", PATH_MAX - UNIX_NAME_BYTES - 2, directory,
			 (int)n->bytes, n->text);
}

/* Where a socket whose name has gone can be reached while the restart lasts. */
static void path_meanwhile(const struct unix_payload *u, const char *path, char *meanwhile)
{
	snprintf(meanwhile, PATH_MAX + 32, "%s.dmtcp-%llx", path, (unsigned long long)u->object);
}

/* bind(2) to the very text of the name, in the directory where it was bound. */
static int bind_text(int fd, const struct unix_name *n, const char *directory)
{
	struct sockaddr_un address;
	socklen_t length = fill_address(&address, n->text, n->bytes);
	int before = -1, ret = 0;

	if (!is_abstract(n) && n->text[0] != '/') {
		before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (before < 0 || chdir(directory)) {
			ret = -errno;
			goto out;
		}
	}
	if (bind(fd, (struct sockaddr *)&address, length))
		ret = -errno;
out:
	if (before >= 0) {
		if (fchdir(before))
			ret = ret ?: -errno;
		close(before);
	}
	return ret;
}

/*
 * A name that the file system does not have: what is there now goes aside for a moment, and the
 * socket stays reachable under another name until everything is connected.
 */
static int bind_deleted(struct rebuild *r, int fd, const struct unix_payload *u,
			const char *directory, const char *path)
{
	char meanwhile[PATH_MAX + 32], aside[PATH_MAX + 32];
	bool moved;
	int ret;

	path_meanwhile(u, path, meanwhile);
	snprintf(aside, sizeof(aside), "%s.dmtcp-aside", path);
	moved = !rename(path, aside);
	ret = bind_text(fd, &u->name, directory);
	if (!ret && rename(path, meanwhile))
		ret = -errno;
	if (moved && rename(aside, path))
		ret = ret ?: -errno;
	return ret ?: rebuild_add_leftover(r, meanwhile);
}

static int bind_name(struct rebuild *r, int fd, const struct unix_view *v)
{
	const struct unix_name *n = &v->head.name;
	struct stat status;
	char path[PATH_MAX];
	int ret;

	if (!n->bytes)
		return 0;
	if (is_abstract(n))
		return bind_text(fd, n, "");
	path_of(n, v->directory, path);
	if (n->deleted)
		return bind_deleted(r, fd, &v->head, v->directory, path);
	/* The socket that the program left behind when it was killed. */
	if (!lstat(path, &status) && S_ISSOCK(status.st_mode))
		unlink(path);
	ret = bind_text(fd, n, v->directory);
	if (!ret)
		chmod(path, n->mode);
	return ret;
}

/*
 * The address by which the socket @v can be reached now. @directory_fd is to be closed afterwards.
 */
static socklen_t address_of(const struct unix_payload *u, const struct unix_name *n,
			    const char *directory, struct sockaddr_un *address, int *directory_fd)
{
	char path[PATH_MAX], target[PATH_MAX + 32], copy[PATH_MAX + 32], text[PATH_MAX + 80];

	*directory_fd = -1;
	if (is_abstract(n))
		return fill_address(address, n->text, n->bytes);
	path_of(n, directory, path);
	if (n->deleted && u)
		path_meanwhile(u, path, target);
	else
		snprintf(target, sizeof(target), "%s", path);
	/* Any path fits, by its directory's descriptor. */
	snprintf(copy, sizeof(copy), "%s", target);
	*directory_fd = open(dirname(copy), O_PATH | O_DIRECTORY | O_CLOEXEC);
	snprintf(copy, sizeof(copy), "%s", target);
	snprintf(text, sizeof(text), "/proc/self/fd/%d/%s", *directory_fd, basename(copy));
	return fill_address(address, text, strlen(text));
}

static int connect_to(int fd, const struct unix_payload *u, const struct unix_name *n,
		      const char *directory)
{
	struct sockaddr_un address;
	int directory_fd, ret;
	socklen_t length = address_of(u, n, directory, &address, &directory_fd);

	ret = connect(fd, (struct sockaddr *)&address, length) ? -errno : 0;
	if (directory_fd >= 0)
		close(directory_fd);
	return ret;
}

/* ---- sockets ---- */

static int new_socket(const struct unix_view *v)
{
	int fd = socket(AF_UNIX, v->head.type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	socket_options_restore(fd, v->options, v->head.options, true);
	return fd;
}

static bool is_listening(const struct file_view *f)
{
	struct unix_payload u;

	file_payload_head(f->payload, f->bytes, &u, sizeof(u));
	return u.state == UNIX_LISTENING;
}

/* The listening socket whose name the accepted one @v has taken over. -ENOENT: no member has it. */
static int find_listener(struct rebuilt_process *p, const struct unix_view *v,
			 struct unix_view *listener)
{
	const struct file_view *f;
	size_t count;

	f = file_index_select(p->rebuild, FILE_UNIX_SOCKET, is_listening, &count);
	for (size_t n = 0; n < count; n++) {
		struct unix_payload u;

		file_payload_head(f[n].payload, f[n].bytes, &u, sizeof(u));
		if (u.type != v->head.type || !same_name(&u.name, &v->head.name))
			continue;
		if (!unix_view_read(f[n].payload, f[n].bytes, listener))
			return -EPROTO;
		return file_index_open(p, f[n].head.id);
	}
	return -ENOENT;
}

/* A listener for one connection, under the name that the accepted socket is to have. */
static int open_listener(struct rebuilt_process *p, const struct unix_view *v,
			 struct unix_view *listener)
{
	int fd, ret;

	*listener = *v;
	listener->head.name.deleted = 1;
	fd = new_socket(v);
	if (fd < 0)
		return fd;
	ret = bind_name(p->rebuild, fd, listener);
	if (!ret && listen(fd, 1))
		ret = -errno;
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

/* @ends: the accepted socket and its client, connected through a listener of the right name. */
static int accept_pair(struct rebuilt_process *p, const struct unix_view *server,
		       const struct unix_view *client, int ends[2])
{
	struct unix_view *listener = malloc(sizeof(*listener));
	bool ours = false;
	int fd, ret;

	if (!listener)
		return -ENOMEM;
	fd = find_listener(p, server, listener);
	if (fd == -ENOENT) {
		ours = true;
		fd = open_listener(p, server, listener);
	}
	ends[0] = ends[1] = -1;
	if (fd < 0) {
		ret = fd;
		goto out_free;
	}
	ends[1] = client ? new_socket(client) : socket(AF_UNIX, server->head.type | SOCK_CLOEXEC,
			0);
	ret = ends[1] < 0 ? (client ? ends[1] : -errno) : 0;
	if (!ret && client)
		ret = bind_name(p->rebuild, ends[1], client);
	if (!ret)
		ret = connect_to(ends[1], &listener->head, &listener->head.name,
				listener->directory);
	if (!ret) {
		ends[0] = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		if (ends[0] < 0)
			ret = -errno;
	}
	if (ret && ends[1] >= 0)
		close(ends[1]);
	if (ours)
		close(fd);
out_free:
	free(listener);
	return ret;
}

/* Two connected sockets: ends[0] as @a, ends[1] as @b (NULL: its holder has gone). */
static int connect_pair(struct rebuilt_process *p, const struct unix_view *a,
			const struct unix_view *b, int ends[2])
{
	bool a_accepted = a->head.name.bytes, b_accepted = b && b->head.name.bytes;
	int swapped[2], ret;

	if (a->head.type != SOCK_DGRAM && a_accepted && !accept_pair(p, a, b, ends))
		return 0;
	if (a->head.type != SOCK_DGRAM && b_accepted) {
		ret = accept_pair(p, b, a, swapped);
		if (!ret) {
			ends[0] = swapped[1];
			ends[1] = swapped[0];
			return 0;
		}
	}
	/* No name, or somebody else has it now: then without. */
	return socketpair(AF_UNIX, a->head.type | SOCK_CLOEXEC, 0, ends) ? -errno : 0;
}

static void finish_socket(int fd, const struct file_record *f, const struct unix_view *v)
{
	socket_options_restore(fd, v->options, v->head.options, true);
	socket_options_restore(fd, v->options, v->head.options, false);
	if (f->flags & O_NONBLOCK)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	if (f->owner_signal)
		fcntl(fd, F_SETSIG, f->owner_signal);
}

/* Connected sockets come in pairs: the other one is made with the first. */
static int restore_connected(struct rebuilt_process *p, const struct file_record *f,
			     const struct unix_view *v, int *fd)
{
	struct unix_view *peer = malloc(sizeof(*peer));
	struct file_view other;
	bool have_peer;
	int ends[2], ret;

	if (!peer)
		return -ENOMEM;
	have_peer = v->head.peer == UNIX_PEER_MEMBER &&
		    file_index_find(p->rebuild, v->head.peer_file, &other) &&
		    unix_view_read(other.payload, other.bytes, peer);
	ret = connect_pair(p, v, have_peer ? peer : NULL, ends);
	if (ret)
		goto out;
	finish_socket(ends[0], f, v);
	*fd = ends[0];
	if (have_peer) {
		finish_socket(ends[1], &other.head, peer);
		ret = file_index_remember(p->rebuild, v->head.peer_file, ends[1], p->fault);
	} else {
		/* Sends what was queued, and is then closed with all that the builder has. */
		ret = rebuild_remember(p->rebuild, v->head.object, ends[1], p->fault);
		if (v->head.peer == UNIX_PEER_OUTSIDE && p->rebuild->stdio[2] >= 0)
			dprintf(p->rebuild->stdio[2],
					"dmtcp_restart: process %d: the peer of its Unix "
				"socket was outside the computation: closed now\n",
				p->image->header.virtual_pid);
	}
out:
	free(peer);
	return ret;
}

/* A datagram socket is half of a socketpair when both have no name. */
static bool is_half_of_pair(const struct unix_view *v)
{
	return v->head.state == UNIX_CONNECTED &&
	       (v->head.type != SOCK_DGRAM || (!v->head.name.bytes && !v->head.peer_name.bytes &&
					       v->head.peer != UNIX_PEER_OUTSIDE));
}

int unix_restore(struct rebuilt_process *p, const struct file_record *f, const void *payload,
		 size_t bytes, int *fd)
{
	struct unix_view *v = malloc(sizeof(*v));
	int ret;

	if (!v)
		return -ENOMEM;
	if (!unix_view_read(payload, bytes, v)) {
		ret = -EPROTO;
		goto out;
	}
	if (v->head.peer == UNIX_PEER_OUTSIDE && v->head.standard >= 0 && !v->head.queue_bytes &&
	    p->rebuild->stdio[v->head.standard] >= 0) {
		*fd = dup(p->rebuild->stdio[v->head.standard]);
		ret = *fd < 0 ? -errno : 0;
		goto out;
	}
	if (is_half_of_pair(v)) {
		ret = restore_connected(p, f, v, fd);
		goto out;
	}
	*fd = new_socket(v);
	ret = *fd < 0 ? *fd : bind_name(p->rebuild, *fd, v);
	if (!ret && v->head.state == UNIX_LISTENING && listen(*fd, v->head.backlog))
		ret = -errno;
	if (!ret)
		finish_socket(*fd, f, v);
	if (ret)
		ret = fault_set(p->fault, -ret, "socket-not-restored",
				"process %d: Unix socket %s%.*s: %s", p->image->header.virtual_pid,
				is_abstract(&v->head.name) ? "@" : "",
				is_abstract(&v->head.name) ? (int)v->head.name.bytes - 1 :
							     (int)v->head.name.bytes,
				v->head.name.text + is_abstract(&v->head.name), strerror(-ret));
out:
	free(v);
	return ret;
}

/* ---- when all processes stand ---- */

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

/* A relative name means the same in any directory to who receives it: one where we may make it. */
static void bind_relative(int fd, const struct unix_name *name)
{
	char place[] = "/tmp/dmtcp-name-XXXXXX", path[sizeof(place) + sizeof(name->text) + 2];

	if (!mkdtemp(place))
		return;
	if (!bind_text(fd, name, place)) {
		snprintf(path, sizeof(path), "%s/%.*s", place, (int)name->bytes, name->text);
		unlink(path);
	}
	rmdir(place);
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
	memcpy(&address, m->address,
	       m->head.address_bytes < sizeof(address) ? m->head.address_bytes : sizeof(address));
	bytes = m->head.address_bytes - offsetof(struct sockaddr_un, sun_path);
	if (m->head.address_bytes <= offsetof(struct sockaddr_un, sun_path))
		bytes = 0;
	name.bytes = bytes && address.sun_path[0] ? strnlen(address.sun_path, bytes) : bytes;
	memcpy(name.text, address.sun_path, name.bytes);
	while (name.bytes && file_index_next(p->rebuild, FILE_UNIX_SOCKET, &position, &f)) {
		if (unix_view_read(f.payload, f.bytes, found) && found->head.type == SOCK_DGRAM &&
		    same_name(&found->head.name, &name)) {
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
	if (name.bytes && !is_abstract(&name) && address.sun_path[0] != '/')
		bind_relative(fd, &name);
	else if (is_abstract(&name) || (name.bytes && access(address.sun_path, F_OK))) {
		if (!bind_text(fd, &name, "/") && !is_abstract(&name))
			unlink(address.sun_path);
	}
	return fd;
}

static int send_queue(struct rebuilt_process *p, const struct unix_view *v)
{
	int connected = is_half_of_pair(v) ? rebuild_lookup(p->rebuild, v->head.peer_file ?
					v->head.peer_file : v->head.object) : -1;
	struct sockaddr_un address;
	struct message_view m;
	int directory_fd = -1, ret = 0;
	socklen_t length = 0;
	size_t offset = 0;

	if (connected < 0 && is_half_of_pair(v))
		connected = rebuild_lookup(p->rebuild, v->head.object);
	if (connected < 0)
		length = address_of(&v->head, &v->head.name, v->directory, &address, &directory_fd);
	while (!ret && socket_queue_next(v->queue, v->head.queue_bytes, &offset, &m)) {
		bool ours = false;
		int sender = connected;

		if (sender < 0)
			sender = sender_named(p, &m, &ours);
		ret = sender < 0 ? sender :
			send_message(p, sender, length ? &address : NULL, length, &m);
		if (ours)
			close(sender);
	}
	if (directory_fd >= 0)
		close(directory_fd);
	return ret;
}

/* Connects the clients that were waiting for accept(2), in their order. */
static int connect_waiting(struct rebuilt_process *p, const struct unix_view *v)
{
	for (uint32_t n = 0; n < v->head.waiting; n++) {
		uint64_t id;
		int fd, ret;

		memcpy(&id, &v->waiting[n], sizeof(id));
		fd = id ? file_index_open(p, id) : socket(AF_UNIX, v->head.type | SOCK_CLOEXEC, 0);
		if (fd < 0)
			return fd;
		ret = connect_to(fd, &v->head, &v->head.name, v->directory);
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
	return connect_to(fd, member ? &peer : NULL, &v->head.peer_name, v->peer_directory);
}

int unix_restore_last(struct rebuilt_process *p, const struct file_record *f, const void *payload,
		      size_t bytes, int fd)
{
	struct unix_view *v = malloc(sizeof(*v));
	int ret = 0;

	(void)f;
	if (!v)
		return -ENOMEM;
	if (!unix_view_read(payload, bytes, v)) {
		ret = -EPROTO;
		goto out;
	}
	if (v->head.queue_bytes)
		ret = send_queue(p, v);
	if (!ret && v->head.state == UNIX_LISTENING)
		ret = connect_waiting(p, v);
	/* A datagram socket takes messages from others until it is connected. A peer outside may
	 * have gone: then the program finds out as it would have. */
	if (!ret && v->head.state == UNIX_CONNECTED && !is_half_of_pair(v) &&
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

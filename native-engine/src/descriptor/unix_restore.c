/*
 * Unix sockets: restore. Sockets, names and connections are made before any process exists; the
 * rest is in unix_queue.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../restart/rebuild.h"
#include "file_index.h"
#include "kinds.h"
#include "unix_calls.h"
#include "unix_name.h"

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
		unix_name_here(p->image, &u.name);
		if (u.type != v->head.type || !unix_same_name(&u.name, &v->head.name))
			continue;
		if (!unix_view_here(p->image, f[n].payload, f[n].bytes, listener))
			return -EPROTO;
		return file_index_open(p, f[n].head.id);
	}
	return -ENOENT;
}

/* A listener for one connection, under the name that the accepted socket is to have. */
static int open_listener(struct rebuilt_process *p, const struct unix_view *v,
			 const struct unix_view *client, struct unix_view *listener)
{
	int fd, ret;

	*listener = *v;
	listener->head.name.deleted = 1;
	fd = new_socket(v);
	if (fd < 0)
		return fd;
	ret = unix_bind_name(p->rebuild, fd, listener);
	if (!ret)
		ret = unix_listen_as(client ? &client->head : &listener->head, fd, 1);
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
		fd = open_listener(p, server, client, listener);
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
		ret = unix_bind_name(p->rebuild, ends[1], client);
	if (!ret)
		ret = unix_connect_to(ends[1], &listener->head, &listener->head.name,
				      listener->directory, &server->head);
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
	return unix_pair_as(&a->head, ends);
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
		    unix_view_here(p->image, other.payload, other.bytes, peer);
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
		if (v->head.peer == UNIX_PEER_OUTSIDE && p->rebuild->notes_fd >= 0)
			dprintf(p->rebuild->notes_fd,
					"dmtcp_restart: process %d: the peer of its Unix "
				"socket was outside the computation: closed now\n",
				p->image->header.virtual_pid);
	}
out:
	free(peer);
	return ret;
}

/* A datagram socket is half of a socketpair when both have no name. */
bool unix_is_half_of_pair(const struct unix_view *v)
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
	if (!unix_view_here(p->image, payload, bytes, v)) {
		ret = fault_set(p->fault, EPROTO, "image-damaged", "the record of a Unix socket");
		goto out;
	}
	if (v->head.peer == UNIX_PEER_OUTSIDE && v->head.standard >= 0 && !v->head.queue_bytes &&
	    p->rebuild->stdio[v->head.standard] >= 0) {
		*fd = dup(p->rebuild->stdio[v->head.standard]);
		ret = *fd < 0 ? -errno : 0;
		goto out;
	}
	if (unix_is_half_of_pair(v)) {
		ret = restore_connected(p, f, v, fd);
		goto out;
	}
	*fd = new_socket(v);
	ret = *fd < 0 ? *fd : unix_bind_name(p->rebuild, *fd, v);
	if (!ret && v->head.state == UNIX_LISTENING)
		ret = unix_listen_as(&v->head, *fd, v->head.backlog);
	if (!ret)
		finish_socket(*fd, f, v);
	if (ret)
		ret = fault_set(p->fault, -ret, "socket-not-restored",
				"process %d: Unix socket %s%.*s: %s", p->image->header.virtual_pid,
				unix_is_abstract(&v->head.name) ? "@" : "",
				unix_is_abstract(&v->head.name) ? (int)v->head.name.bytes - 1 :
							     (int)v->head.name.bytes,
				v->head.name.text + unix_is_abstract(&v->head.name), strerror(-ret));
out:
	free(v);
	return ret;
}

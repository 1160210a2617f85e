/*
 * TCP and UDP: restore. Connections between members are made in the builder (inet_pair.c), with
 * the same addresses and ports; inet_last.c goes on when all processes stand.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../common/monotonic.h"
#include "../restart/rebuild.h"
#include "file_index.h"
#include "inet_far.h"
#include "inet_met.h"
#include "inet_pair.h"
#include "inet_socket.h"
#include "kinds.h"
#include "mptcp.h"

#define TIME_WAIT_LIMIT_MS 65000 /* TCP_TIMEWAIT_LEN is 60 s */

static void finish_socket(int fd, const struct file_record *f, const struct inet_view *v)
{
	socket_options_restore(fd, v->options, v->head.options, false);
	if (f->flags & O_NONBLOCK)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	if (f->owner_signal)
		fcntl(fd, F_SETSIG, f->owner_signal);
}

static int restore_connected(struct rebuilt_process *p, const struct file_record *f,
			     const struct inet_view *v, int *fd)
{
	const struct linger reset = { .l_onoff = 1 };
	struct inet_view peer;
	struct file_view other;
	bool have_peer, peer_accepts;
	int ends[2], ret, mate;

	if (inet_is_own_peer(v)) {
		ret = inet_connect_to_itself(v, fd);
		if (!ret)
			finish_socket(*fd, f, v);
		return ret;
	}
	have_peer = inet_peer_find(p->rebuild, f->id, &v->head, &other) &&
		    inet_view_read(other.payload, other.bytes, &peer);
	if (!have_peer && v->head.peer == INET_PEER_REMOTE) {
		ret = inet_far_restore(p, v->head.connection, fd);
		if (!ret)
			finish_socket(*fd, f, v);
		if (ret != -ENOENT) {
			if (!ret)
				inet_far_make_room(p, v, *fd);
			return ret;
		}
	}
	peer_accepts = have_peer && !inet_has_listener(p, v) && inet_has_listener(p, &peer);
	/* Only a client of MPTCP can have a peer that speaks plain TCP. */
	if (have_peer && v->head.protocol != peer.head.protocol)
		peer_accepts = v->head.protocol == IPPROTO_MPTCP;
	ret = inet_connect_pair(p, peer_accepts ? &peer : v, peer_accepts ? v : have_peer ? &peer : NULL,
			ends);
	if (ret)
		return ret;
	*fd = ends[peer_accepts ? 1 : 0];
	mate = ends[peer_accepts ? 0 : 1];
	finish_socket(*fd, f, v);
	if (have_peer) {
		finish_socket(mate, &other.head, &peer);
		return file_index_remember(p->rebuild, other.head.id, mate, p->fault);
	}
	/* Sends what was queued and is closed with all that the builder has: an end, or a reset. */
	if (v->head.peer == INET_PEER_OUTSIDE || v->head.peer == INET_PEER_REMOTE ||
	    v->head.peer == INET_PEER_RESET) {
		setsockopt(mate, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		if (v->head.peer != INET_PEER_RESET && p->rebuild->notes_fd >= 0)
			dprintf(p->rebuild->notes_fd,
					"dmtcp_restart: process %d: the peer of its TCP "
				"connection was outside the computation: reset\n",
				p->image->header.virtual_pid);
	}
	return rebuild_remember(p->rebuild, v->head.object, mate, p->fault);
}

static bool is_ending(unsigned int state)
{
	return state == TCP_TIME_WAIT || state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2 ||
	       state == TCP_CLOSING || state == TCP_LAST_ACK;
}

/*
 * Is @port held by nothing but connections that end (TIME_WAIT and before)? Such a one, of a socket
 * without SO_REUSEADDR, keeps a listener away for a minute: inet_csk_bind_conflict().
 */
static bool only_endings(in_port_t port)
{
	static const char *const tables[] = { "/proc/self/net/tcp", "/proc/self/net/tcp6" };
	bool waits = false, used = false;

	for (size_t n = 0; n < sizeof(tables) / sizeof(*tables); n++) {
		FILE *f = fopen(tables[n], "re");
		unsigned int local, state;
		char line[256];

		while (f && fgets(line, sizeof(line), f)) {
			if (sscanf(line, "%*d: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x", &local, &state) != 2 ||
			    local != ntohs(port))
				continue;
			waits |= is_ending(state);
			used |= state == TCP_LISTEN;
		}
		if (f)
			fclose(f);
	}
	return waits && !used;
}

static int bind_listener(struct rebuilt_process *p, int fd, const struct inet_view *v)
{
	uint64_t deadline = monotonic_ms() + TIME_WAIT_LIMIT_MS;
	const struct timespec pause = { .tv_nsec = 100000000 };
	bool told = false;
	int ret;

	while ((ret = inet_bind_local(fd, v)) == -EADDRINUSE && monotonic_ms() < deadline) {
		if (!only_endings(inet_port(&v->head.local)))
			return inet_bind_local(fd, v); /* they may have gone since the attempt */
		if (!told && p->rebuild->notes_fd >= 0)
			dprintf(p->rebuild->notes_fd,
				"dmtcp_restart: process %d: waiting for port %d, whose last "
				"connections have just ended (TIME_WAIT, up to a minute)\n",
				p->image->header.virtual_pid, ntohs(inet_port(&v->head.local)));
		told = true;
		nanosleep(&pause, NULL);
	}
	return ret;
}

static int restore_single(struct rebuilt_process *p, const struct file_record *f,
			  const struct inet_view *v, int *fd)
{
	int ret;

	*fd = inet_new_socket(v);
	if (*fd < 0)
		return *fd;
	/* The remains of the original's connections do not keep a listener from its port. */
	inet_set_reuse(*fd, 1);
	ret = v->head.state == INET_LISTENING ? bind_listener(p, *fd, v) : inet_bind_local(*fd, v);
	/* A port that the kernel had chosen for a connected socket is not worth failing for. */
	if ((ret == -EADDRINUSE || ret == -EADDRNOTAVAIL) && v->head.state != INET_LISTENING &&
	    (v->head.state != INET_LOOSE || v->head.was_connected))
		ret = 0;
	/* listen(2) looks again whether somebody has the port: a connection between hosts may. */
	if (!ret && v->head.state == INET_LISTENING && listen(*fd, v->head.backlog))
		ret = -errno;
	inet_restore_reuse(*fd, v);
	if (!ret)
		finish_socket(*fd, f, v);
	if (!ret && v->head.state == INET_LISTENING)
		inet_defer_accept(*fd, v, false); /* inet_restore_last() sets it */
	return ret;
}

/* Also a client that no listener waits for any more: it is reset. */
static bool is_connection(struct rebuilt_process *p, const struct inet_view *v)
{
	return v->head.type == SOCK_STREAM &&
	       (v->head.state == INET_CONNECTED ||
		(inet_waits_far(v) && !inet_waited_find(p->rebuild, v->head.connection)));
}

int inet_restore(struct rebuilt_process *p, const struct file_record *f, const void *payload,
		 size_t bytes, int *fd)
{
	struct inet_view v;
	int ret;

	if (!inet_view_read(payload, bytes, &v))
		return -EPROTO;
	if (v.head.peer == INET_PEER_OUTSIDE && v.head.standard >= 0 && !v.head.queue_bytes &&
	    p->rebuild->stdio[v.head.standard] >= 0) {
		*fd = dup(p->rebuild->stdio[v.head.standard]);
		return *fd < 0 ? -errno : 0;
	}
	if (!inet_line_restore(p, &v, fd)) {
		inet_restore_reuse(*fd, &v);
		finish_socket(*fd, f, &v);
		return 0;
	}
	ret = is_connection(p, &v) ? restore_connected(p, f, &v, fd) :
				     restore_single(p, f, &v, fd);
	if (ret)
		ret = fault_set(p->fault, -ret, "socket-not-restored",
				"process %d: socket of port %d: %s", p->image->header.virtual_pid,
				ntohs(inet_port(&v.head.local)), strerror(-ret));
	return ret;
}

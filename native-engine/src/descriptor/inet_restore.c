/*
 * TCP and UDP: restore. Connections between members are made in the builder, with the same
 * addresses and ports; what was queued is sent by the other end when all processes stand.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../restart/rebuild.h"
#include "backlog.h"
#include "file_index.h"
#include "inet_drain.h"
#include "inet_far.h"
#include "inet_met.h"
#include "inet_socket.h"
#include "kinds.h"
#include "socket_queue.h"

#define CONNECT_LIMIT_S 5
#define SEND_LIMIT_MS 10000
#define TIME_WAIT_LIMIT_MS 65000 /* TCP_TIMEWAIT_LEN is 60 s */

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ull + now.tv_nsec / 1000000;
}

static in_port_t port_of(const struct inet_address *a)
{
	return !a->bytes ? 0 : a->any.sa_family == AF_INET6 ? a->v6.sin6_port : a->v4.sin_port;
}

static void set_port(struct inet_address *a, in_port_t port)
{
	if (a->any.sa_family == AF_INET6)
		a->v6.sin6_port = port;
	else
		a->v4.sin_port = port;
}

static bool is_wildcard(const struct inet_address *a)
{
	return a->any.sa_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr) :
					      a->v4.sin_addr.s_addr == INADDR_ANY;
}

static void make_loopback(struct inet_address *a)
{
	if (a->any.sa_family == AF_INET6)
		a->v6.sin6_addr = in6addr_loopback;
	else
		a->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

static void set_reuse(int fd, int on)
{
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
}

/* The program's own setting, which we may have changed to bind. */
static void restore_reuse(int fd, const struct inet_view *v)
{
	int on = 0;

	for (uint32_t n = 0; n < v->head.options; n++)
		on |= v->options[n].level == SOL_SOCKET && v->options[n].name == SO_REUSEADDR;
	set_reuse(fd, on);
}

static int new_socket(const struct inet_view *v)
{
	int fd = socket(v->head.family, v->head.type | SOCK_CLOEXEC, v->head.protocol);

	if (fd < 0)
		return -errno;
	socket_options_restore(fd, v->options, v->head.options, true);
	return fd;
}

static void finish_socket(int fd, const struct file_record *f, const struct inet_view *v)
{
	socket_options_restore(fd, v->options, v->head.options, false);
	if (f->flags & O_NONBLOCK)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	if (f->owner_signal)
		fcntl(fd, F_SETSIG, f->owner_signal);
}

static int bind_local(int fd, const struct inet_view *v)
{
	if (!port_of(&v->head.local))
		return 0;
	return bind(fd, &v->head.local.any, v->head.local.bytes) ? -errno : 0;
}

/* ---- a connection between two sockets of ours ---- */

static bool is_listening(const struct file_view *f)
{
	struct inet_payload u;

	file_payload_head(f->payload, f->bytes, &u, sizeof(u));
	return u.state == INET_LISTENING;
}

/* A member's listener that the socket @v may have been accepted from. -ENOENT: none. */
static int find_listener(struct rebuilt_process *p, const struct inet_view *v)
{
	const struct file_view *f;
	size_t count;

	f = file_index_select(p->rebuild, FILE_INET_SOCKET, is_listening, &count);
	for (size_t n = 0; n < count; n++) {
		struct inet_payload u;

		file_payload_head(f[n].payload, f[n].bytes, &u, sizeof(u));
		if (port_of(&u.local) == port_of(&v->head.local) &&
		    (is_wildcard(&u.local) || inet_same_address(&u.local, &v->head.local)))
			return file_index_open(p, f[n].head.id);
	}
	return -ENOENT;
}

/* A listener for one connection: at the socket's own address, if it can be had. */
static int open_listener(const struct inet_view *v)
{
	struct inet_address address = v->head.local;
	int fd = socket(v->head.family, SOCK_STREAM | SOCK_CLOEXEC, 0), ret;

	if (fd < 0)
		return -errno;
	set_reuse(fd, 1);
	if (bind(fd, &address.any, address.bytes)) {
		set_port(&address, 0);
		if (bind(fd, &address.any, address.bytes)) {
			make_loopback(&address);
			if (bind(fd, &address.any, address.bytes))
				goto err_close;
		}
	}
	if (!listen(fd, 8))
		return fd;
err_close:
	ret = -errno;
	close(fd);
	return ret;
}

/* Accepts the connection that comes from @client; strangers are sent away. */
static int accept_from(int listener, int client)
{
	struct pollfd ready = { .fd = listener, .events = POLLIN };
	struct inet_address own = { .bytes = sizeof(own.raw) };

	if (getsockname(client, &own.any, &own.bytes))
		return -errno;
	while (poll(&ready, 1, CONNECT_LIMIT_S * 1000) > 0) {
		struct inet_address from = { .bytes = sizeof(from.raw) };
		int fd = accept4(listener, &from.any, &from.bytes, SOCK_CLOEXEC);

		if (fd < 0)
			return -errno;
		if (inet_same_address(&from, &own))
			return fd;
		close(fd);
	}
	return -ETIMEDOUT;
}

static int connect_limited(int fd, const struct inet_address *to)
{
	struct timeval limit = { .tv_sec = CONNECT_LIMIT_S }, none = { 0 };
	int ret;

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	ret = connect(fd, &to->any, to->bytes) ? -errno : 0;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none));
	return ret == -EINPROGRESS ? -ETIMEDOUT : ret;
}

/* The address of @listener as a socket of @family says it. */
static struct inet_address reachable(int listener, const struct inet_view *server, int family)
{
	struct inet_address a = { .bytes = sizeof(a.raw) }, mapped = { 0 };

	if (getsockname(listener, &a.any, &a.bytes) || is_wildcard(&a)) {
		in_port_t port = port_of(&a);

		a = server->head.local;
		set_port(&a, port ? port : port_of(&server->head.local));
	}
	if (a.any.sa_family == family)
		return a;
	if (family == AF_INET) { /* the server sees IPv4 mapped into IPv6 */
		mapped.bytes = sizeof(mapped.v4);
		mapped.v4.sin_family = AF_INET;
		mapped.v4.sin_port = a.v6.sin6_port;
		memcpy(&mapped.v4.sin_addr, &a.v6.sin6_addr.s6_addr[12], 4);
	} else {
		mapped.bytes = sizeof(mapped.v6);
		mapped.v6.sin6_family = AF_INET6;
		mapped.v6.sin6_port = a.v4.sin_port;
		mapped.v6.sin6_addr.s6_addr[10] = mapped.v6.sin6_addr.s6_addr[11] = 0xff;
		memcpy(&mapped.v6.sin6_addr.s6_addr[12], &a.v4.sin_addr, 4);
	}
	return mapped;
}

/* ends[0]: as @server, accepted; ends[1]: as @client, or anybody when it is NULL. */
static int connect_pair(struct rebuilt_process *p, const struct inet_view *server,
			const struct inet_view *client, int ends[2])
{
	int listener = find_listener(p, server), ret;
	bool ours = listener == -ENOENT;
	struct inet_address to;

	if (ours)
		listener = open_listener(server);
	if (listener < 0)
		return listener;
	ends[1] = client ? new_socket(client) :
			   socket(server->head.family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (ends[1] < 0) {
		ret = client ? ends[1] : -errno;
		goto out;
	}
	/* Its old port may still be taken by the connection's remains (TIME_WAIT): then another. */
	set_reuse(ends[1], 1);
	if (client)
		bind_local(ends[1], client);
	else if (server->head.remote.bytes)
		bind(ends[1], &server->head.remote.any, server->head.remote.bytes);
	to = reachable(listener, server, client ? client->head.family : server->head.family);
	ret = connect_limited(ends[1], &to);
	if (ret == -EADDRNOTAVAIL) { /* the same four numbers are still in TIME_WAIT */
		close(ends[1]);
		ends[1] = client ? new_socket(client) :
				   socket(server->head.family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ret = ends[1] < 0 ? -EMFILE : connect_limited(ends[1], &to);
	}
	if (!ret) {
		ends[0] = accept_from(listener, ends[1]);
		ret = ends[0] < 0 ? ends[0] : 0;
	}
	if (!ret) {
		socket_options_restore(ends[0], server->options, server->head.options, true);
		restore_reuse(ends[0], server);
		if (client)
			restore_reuse(ends[1], client);
	} else if (ends[1] >= 0) {
		close(ends[1]);
	}
out:
	if (ours)
		close(listener);
	return ret;
}

static bool has_listener(struct rebuilt_process *p, const struct inet_view *v)
{
	return find_listener(p, v) >= 0;
}

static bool is_own_peer(const struct inet_view *v)
{
	return v->head.local.bytes == v->head.remote.bytes &&
	       !memcmp(v->head.local.raw, v->head.remote.raw, v->head.local.bytes);
}

/* TCP's simultaneous open: a client that met its own port. */
static int open_to_itself(const struct inet_view *v, const struct sockaddr *address,
			  socklen_t bytes)
{
	struct sockaddr_storage own;
	socklen_t length = sizeof(own);
	int fd = socket(v->head.family, SOCK_STREAM | SOCK_CLOEXEC, v->head.protocol), ret;

	if (fd < 0)
		return -errno;
	socket_options_restore(fd, v->options, v->head.options, true);
	set_reuse(fd, 1);
	if (!bind(fd, address, bytes) && !getsockname(fd, (struct sockaddr *)&own, &length) &&
	    !connect(fd, (struct sockaddr *)&own, length))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

/* On a host without that address, or when its port is taken: anywhere. */
static int connect_to_itself(const struct inet_view *v, int *fd)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	struct sockaddr_in four = { .sin_family = AF_INET };

	four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*fd = open_to_itself(v, &v->head.local.any, v->head.local.bytes);
	if (*fd < 0)
		*fd = v->head.family == AF_INET6 ?
			      open_to_itself(v, (struct sockaddr *)&six, sizeof(six)) :
			      open_to_itself(v, (struct sockaddr *)&four, sizeof(four));
	if (*fd < 0)
		return *fd;
	restore_reuse(*fd, v);
	return 0;
}

static int restore_connected(struct rebuilt_process *p, const struct file_record *f,
			     const struct inet_view *v, int *fd)
{
	const struct linger reset = { .l_onoff = 1 };
	struct inet_view peer;
	struct file_view other;
	bool have_peer, peer_accepts;
	int ends[2], ret, mate;

	if (is_own_peer(v)) {
		ret = connect_to_itself(v, fd);
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
			if (!ret && v->head.queue_bytes) /* finish_socket has set the program's own */
				inet_make_room(*fd, v->head.queue_bytes);
			return ret;
		}
	}
	peer_accepts = have_peer && !has_listener(p, v) && has_listener(p, &peer);
	ret = connect_pair(p, peer_accepts ? &peer : v, peer_accepts ? v : have_peer ? &peer : NULL,
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
	if (v->head.peer == INET_PEER_OUTSIDE || v->head.peer == INET_PEER_REMOTE) {
		setsockopt(mate, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		if (p->rebuild->notes_fd >= 0)
			dprintf(p->rebuild->notes_fd,
					"dmtcp_restart: process %d: the peer of its TCP "
				"connection was outside the computation: reset\n",
				p->image->header.virtual_pid);
	}
	return rebuild_remember(p->rebuild, v->head.object, mate, p->fault);
}

/*
 * Is @port held by nothing but connections that have ended (TIME_WAIT)? Such a one, of a socket
 * without SO_REUSEADDR, keeps a listener away for a minute: inet_csk_bind_conflict().
 */
static bool only_time_wait(in_port_t port)
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
			waits |= state == TCP_TIME_WAIT;
			used |= state == TCP_LISTEN;
		}
		if (f)
			fclose(f);
	}
	return waits && !used;
}

static int bind_listener(struct rebuilt_process *p, int fd, const struct inet_view *v)
{
	uint64_t deadline = now_ms() + TIME_WAIT_LIMIT_MS;
	const struct timespec pause = { .tv_nsec = 100000000 };
	bool told = false;
	int ret;

	while ((ret = bind_local(fd, v)) == -EADDRINUSE && now_ms() < deadline &&
	       only_time_wait(port_of(&v->head.local))) {
		if (!told && p->rebuild->notes_fd >= 0)
			dprintf(p->rebuild->notes_fd,
				"dmtcp_restart: process %d: waiting for port %d, whose last "
				"connections have just ended (TIME_WAIT, up to a minute)\n",
				p->image->header.virtual_pid, ntohs(port_of(&v->head.local)));
		told = true;
		nanosleep(&pause, NULL);
	}
	return ret;
}

static int restore_single(struct rebuilt_process *p, const struct file_record *f,
			  const struct inet_view *v, int *fd)
{
	int ret;

	*fd = new_socket(v);
	if (*fd < 0)
		return *fd;
	/* The remains of the original's connections do not keep a listener from its port. */
	set_reuse(*fd, 1);
	ret = v->head.state == INET_LISTENING ? bind_listener(p, *fd, v) : bind_local(*fd, v);
	/* A port that the kernel had chosen for a connected socket is not worth failing for. */
	if ((ret == -EADDRINUSE || ret == -EADDRNOTAVAIL) && v->head.state != INET_LISTENING &&
	    (v->head.state != INET_LOOSE || v->head.was_connected))
		ret = 0;
	/* listen(2) looks again whether somebody has the port: a connection between hosts may. */
	if (!ret && v->head.state == INET_LISTENING && listen(*fd, v->head.backlog))
		ret = -errno;
	restore_reuse(*fd, v);
	if (!ret)
		finish_socket(*fd, f, v);
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
		restore_reuse(*fd, &v);
		finish_socket(*fd, f, &v);
		return 0;
	}
	ret = is_connection(p, &v) ? restore_connected(p, f, &v, fd) :
				     restore_single(p, f, &v, fd);
	if (ret)
		ret = fault_set(p->fault, -ret, "socket-not-restored",
				"process %d: socket of port %d: %s", p->image->header.virtual_pid,
				ntohs(port_of(&v.head.local)), strerror(-ret));
	return ret;
}

/* ---- when all processes stand ---- */

/* Brings the bytes into the queue of @fd: the receive buffer is made large enough for them. */
static int send_stream(int fd, int sender, const struct inet_view *v)
{
	uint64_t deadline = now_ms() + SEND_LIMIT_MS;
	int low = inet_low_water(v), waiting, ret;

	inet_make_room(fd, v->head.queue_bytes);
	ret = inet_send_queue(sender, v->queue, v->head.queue_bytes, v->head.urgent,
			      v->head.urgent_at, deadline);
	/* What is still on its way is acknowledged within milliseconds; then the mark may go. */
	while (!ret && !ioctl(sender, SIOCOUTQ, &waiting) && waiting > 0 && now_ms() < deadline) {
		const struct timespec time = { .tv_nsec = 200000 };

		nanosleep(&time, NULL);
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low));
	return ret;
}

static int finish_stream(struct rebuilt_process *p, const struct file_record *f, int fd,
			 const struct inet_view *v)
{
	struct inet_view peer;
	struct file_view other;
	bool have_peer;
	int sender = -1, ret = 0;

	have_peer = inet_peer_find(p->rebuild, f->id, &v->head, &other) &&
		    inet_view_read(other.payload, other.bytes, &peer);
	if (have_peer)
		sender = rebuild_lookup(p->rebuild, other.head.id);
	else if (v->head.peer == INET_PEER_REMOTE &&
		 inet_met_find(p->rebuild, v->head.connection)) {
		ret = inet_far_finish(p, v, fd);
		restore_reuse(fd, v);
		return ret;
	}
	if (sender < 0)
		sender = rebuild_lookup(p->rebuild, v->head.object);
	if (sender < 0)
		return 0; /* it was given the restart's own standard file */
	if (v->head.queue_bytes || v->head.urgent)
		ret = send_stream(fd, sender, v);
	if (have_peer) {
		if (peer.head.closed)
			shutdown(sender, SHUT_WR);
	} else if (v->head.closed) {
		shutdown(fd, SHUT_WR);
	}
	if (v->head.reads_end)
		shutdown(fd, SHUT_RD);
	return ret;
}

/* A member's socket that sends from this address, else one for this message; -1: cannot be had. */
static int sender_from(struct rebuilt_process *p, const struct message_view *m, bool *ours)
{
	struct inet_address from = { .bytes = m->head.address_bytes };
	size_t position = 0;
	struct file_view f;
	int fd;

	if (!from.bytes || from.bytes > sizeof(from.raw))
		return -1;
	memcpy(from.raw, m->address, from.bytes);
	while (file_index_next(p->rebuild, FILE_INET_SOCKET, &position, &f)) {
		struct inet_payload u;

		file_payload_head(f.payload, f.bytes, &u, sizeof(u));
		if (u.type == SOCK_DGRAM && port_of(&u.local) == port_of(&from) &&
		    (is_wildcard(&u.local) || inet_same_address(&u.local, &from))) {
			*ours = false;
			return file_index_open(p, f.head.id);
		}
	}
	fd = socket(from.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	set_reuse(fd, 1);
	if (bind(fd, &from.any, from.bytes)) {
		close(fd);
		return -1;
	}
	*ours = true;
	return fd;
}

/* Datagrams may be lost: one whose sender cannot be had again is. */
static void send_datagrams(struct rebuilt_process *p, const struct inet_view *v)
{
	struct inet_address to = v->head.local;
	struct message_view m;
	size_t offset = 0;

	if (is_wildcard(&to))
		make_loopback(&to);
	while (socket_queue_next(v->queue, v->head.queue_bytes, &offset, &m)) {
		bool ours = false;
		int sender = sender_from(p, &m, &ours);

		if (sender < 0)
			continue;
		sendto(sender, m.data, m.head.bytes, MSG_DONTWAIT | MSG_NOSIGNAL, &to.any,
				to.bytes);
		if (ours)
			close(sender);
	}
}

/* connect(2) that does not wait for an answer. */
static int start_connecting(int fd, const struct file_record *f, const struct inet_view *v)
{
	int ret;

	if (!v->head.remote.bytes)
		return 0;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	ret = connect(fd, &v->head.remote.any, v->head.remote.bytes) ? -errno : 0;
	fcntl(fd, F_SETFL, f->flags & O_NONBLOCK);
	return ret == -EINPROGRESS ? 0 : ret;
}

/* A client whose listener was on another host, and may be in this restart. */
static int join_line(struct rebuilt_process *p, const struct file_record *f,
		     const struct inet_view *v, int fd)
{
	uint64_t file = inet_waited_find(p->rebuild, v->head.connection);
	int there = file ? file_index_open(p, file) : -1;
	struct inet_view to = *v;

	if (there < 0)
		return file ? there : 0;
	memset(&to.head.local, 0, sizeof(to.head.local));
	to.head.local.any.sa_family = v->head.family;
	make_loopback(&to.head.local);
	to.head.remote = reachable(there, &to, v->head.family);
	return start_connecting(fd, f, &to);
}

int inet_restore_last(struct rebuilt_process *p, const struct file_record *f, const void *payload,
		      size_t bytes, int fd)
{
	struct inet_view v;
	int ret = 0;

	if (!inet_view_read(payload, bytes, &v))
		return -EPROTO;
	if (inet_waits_far(&v)) {
		ret = join_line(p, f, &v, fd);
	} else if (v.head.type == SOCK_STREAM && v.head.state == INET_CONNECTED) {
		ret = finish_stream(p, f, fd, &v);
	} else if (v.head.type == SOCK_STREAM) {
		if (v.head.state == INET_LISTENING)
			ret = backlog_connect(p, f->id, fd);
		if ((v.head.state == INET_WAITING && !backlog_has_client(p->rebuild, f->id)) ||
		    v.head.state == INET_CONNECTING)
			ret = start_connecting(fd, f, &v);
		/* Nobody there: the program finds out as it would have. */
		if (v.head.state == INET_CONNECTING)
			ret = 0;
	} else {
		send_datagrams(p, &v);
		if (v.head.state == INET_CONNECTED)
			start_connecting(fd, f, &v);
	}
	return ret ? fault_set(p->fault, -ret, "socket-not-restored",
			       "process %d: what waited in the socket of port %d: %s",
			       p->image->header.virtual_pid, ntohs(port_of(&v.head.local)),
			       strerror(-ret)) : 0;
}

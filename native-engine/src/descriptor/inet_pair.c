#include "inet_pair.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/monotonic.h"
#include "file_index.h"
#include "inet_place.h"
#include "kinds.h"
#include "mptcp.h"

#define CONNECT_LIMIT_S 5

void inet_set_reuse(int fd, int on)
{
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
}

/* The program's own setting, which we may have changed to bind. */
void inet_restore_reuse(int fd, const struct inet_view *v)
{
	int on = 0;

	for (uint32_t n = 0; n < v->head.options; n++)
		on |= v->options[n].level == SOL_SOCKET && v->options[n].name == SO_REUSEADDR;
	inet_set_reuse(fd, on);
}

void inet_defer_accept(int listener, const struct inet_view *v, bool program)
{
	for (uint32_t n = 0; n < v->head.options; n++) {
		const struct socket_option *o = &v->options[n];
		int seconds = 0;

		if (o->level != IPPROTO_TCP || o->name != TCP_DEFER_ACCEPT)
			continue;
		if (program)
			memcpy(&seconds, o->value, sizeof(seconds));
		setsockopt(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds));
	}
}

int inet_new_socket(const struct inet_view *v)
{
	int fd = mptcp_or_tcp_socket(v->head.family, v->head.type | SOCK_CLOEXEC, v->head.protocol);

	if (fd < 0)
		return fd;
	socket_options_restore(fd, v->options, v->head.options, true);
	return fd;
}

int inet_bind_local(int fd, const struct inet_view *v)
{
	if (!inet_port(&v->head.local))
		return 0;
	return inet_bind_here(fd, &v->head.local);
}

static bool is_listening(const struct file_view *f)
{
	struct inet_payload u;

	file_payload_head(f->payload, f->bytes, &u, sizeof(u));
	return u.state == INET_LISTENING;
}

/*
 * May the socket @v have been accepted from the listener @f? It is of its very family, as a listener
 * of IPv6 that takes IPv4 too makes IPv6 sockets of it.
 */
static bool serves(const struct file_view *f, const struct inet_view *v)
{
	struct inet_payload u;

	file_payload_head(f->payload, f->bytes, &u, sizeof(u));
	return u.family == v->head.family && inet_port(&u.local) == inet_port(&v->head.local) &&
	       (inet_is_wildcard(&u.local) || inet_same_address(&u.local, &v->head.local));
}

/*
 * All listeners of members that a connection to @v's address may come to: of those that share a
 * port (SO_REUSEPORT) the kernel chooses. *@line is the caller's to free. How many, or -errno.
 */
static int open_members(struct rebuilt_process *p, const struct inet_view *v, struct pollfd **line)
{
	const struct file_view *f;
	size_t count;
	int found = 0;

	f = file_index_select(p->rebuild, FILE_INET_SOCKET, is_listening, &count);
	*line = calloc(count + 1, sizeof(**line)); /* one more: for a listener of ours */
	if (!*line)
		return -ENOMEM;
	for (size_t n = 0; n < count; n++) {
		int fd;

		if (!serves(&f[n], v))
			continue;
		fd = file_index_open(p, f[n].head.id);
		if (fd < 0) {
			free(*line);
			return fd;
		}
		(*line)[found++] = (struct pollfd){ .fd = fd, .events = POLLIN };
	}
	return found;
}

/* A listener for one connection: at the socket's own address, if it can be had. */
static int open_listener(const struct inet_view *v)
{
	struct inet_address address = v->head.local;
	int fd = mptcp_or_tcp_socket(v->head.family, SOCK_STREAM | SOCK_CLOEXEC, v->head.protocol);
	int ret;

	if (fd < 0)
		return fd;
	inet_set_reuse(fd, 1);
	if (bind(fd, &address.any, address.bytes)) {
		inet_set_port(&address, 0);
		if (bind(fd, &address.any, address.bytes)) {
			inet_make_loopback(&address);
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

/* -EAGAIN: who had come has gone again. */
static int accept_now(int listener, struct inet_address *from)
{
	int flags = fcntl(listener, F_GETFL), ret;

	fcntl(listener, F_SETFL, flags | O_NONBLOCK);
	ret = accept4(listener, &from->any, &from->bytes, SOCK_CLOEXEC);
	if (ret < 0)
		ret = errno == ECONNABORTED ? -EAGAIN : -errno;
	fcntl(listener, F_SETFL, flags);
	return ret;
}

/* Accepts the connection that comes from @client; strangers are sent away. */
static int accept_from(struct pollfd *line, int count, int client)
{
	uint64_t now = monotonic_ms(), deadline = now + CONNECT_LIMIT_S * 1000;
	struct inet_address own = { .bytes = sizeof(own.raw) };

	if (getsockname(client, &own.any, &own.bytes))
		return -errno;
	for (; now < deadline && poll(line, count, deadline - now) > 0; now = monotonic_ms()) {
		for (int n = 0; n < count; n++) {
			struct inet_address from = { .bytes = sizeof(from.raw) };
			int fd;

			if (!line[n].revents)
				continue;
			fd = accept_now(line[n].fd, &from);
			if (fd == -EAGAIN)
				continue;
			if (fd < 0)
				return fd;
			if (inet_same_address(&from, &own))
				return fd;
			close(fd);
		}
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
struct inet_address inet_reachable(int listener, const struct inet_view *server, int family)
{
	struct inet_address a = { .bytes = sizeof(a.raw) }, mapped = { 0 };

	if (getsockname(listener, &a.any, &a.bytes) || inet_is_wildcard(&a)) {
		in_port_t port = inet_port(&a);

		a = server->head.local;
		inet_set_port(&a, port ? port : inet_port(&server->head.local));
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

/* A client's socket, or one that can be anybody's. */
static int new_client(const struct inet_view *server, const struct inet_view *client)
{
	return client ? inet_new_socket(client) :
			mptcp_or_tcp_socket(server->head.family, SOCK_STREAM | SOCK_CLOEXEC,
					    server->head.protocol);
}

/* ends[0]: as @server, accepted; ends[1]: as @client, or anybody when it is NULL. */
int inet_connect_pair(struct rebuilt_process *p, const struct inet_view *server,
			const struct inet_view *client, int ends[2])
{
	struct pollfd *line;
	int members = open_members(p, server, &line), count = members, ret;
	struct inet_address to;

	if (members < 0)
		return members;
	if (!members) {
		*line = (struct pollfd){ .fd = open_listener(server), .events = POLLIN };
		if (line->fd < 0) {
			ret = line->fd;
			goto out_free;
		}
		count = 1;
	}
	ends[1] = new_client(server, client);
	if (ends[1] < 0) {
		ret = ends[1];
		goto out;
	}
	/* Its old port may still be taken by the connection's remains (TIME_WAIT): then another. */
	inet_set_reuse(ends[1], 1);
	if (client)
		inet_bind_local(ends[1], client);
	else if (server->head.remote.bytes)
		bind(ends[1], &server->head.remote.any, server->head.remote.bytes);
	to = inet_reachable(line->fd, server, client ? client->head.family : server->head.family);
	ret = connect_limited(ends[1], &to);
	if (ret == -EADDRNOTAVAIL) { /* the same four numbers are still in TIME_WAIT */
		close(ends[1]);
		ends[1] = new_client(server, client);
		ret = ends[1] < 0 ? ends[1] : connect_limited(ends[1], &to);
	}
	if (!ret) {
		ends[0] = accept_from(line, count, ends[1]);
		ret = ends[0] < 0 ? ends[0] : 0;
	}
	if (!ret) {
		socket_options_restore(ends[0], server->options, server->head.options, true);
		inet_restore_reuse(ends[0], server);
		if (client)
			inet_restore_reuse(ends[1], client);
	} else if (ends[1] >= 0) {
		close(ends[1]);
	}
out:
	if (!members)
		close(line->fd);
out_free:
	free(line);
	return ret;
}

bool inet_has_listener(struct rebuilt_process *p, const struct inet_view *v)
{
	const struct file_view *f;
	size_t count;

	f = file_index_select(p->rebuild, FILE_INET_SOCKET, is_listening, &count);
	for (size_t n = 0; n < count; n++)
		if (serves(&f[n], v))
			return true;
	return false;
}

bool inet_is_own_peer(const struct inet_view *v)
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
	int fd = mptcp_or_tcp_socket(v->head.family, SOCK_STREAM | SOCK_CLOEXEC, v->head.protocol);
	int ret;

	if (fd < 0)
		return fd;
	socket_options_restore(fd, v->options, v->head.options, true);
	inet_set_reuse(fd, 1);
	if (!bind(fd, address, bytes) && !getsockname(fd, (struct sockaddr *)&own, &length) &&
	    !connect(fd, (struct sockaddr *)&own, length))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

/* On a host without that address, or when its port is taken: anywhere. */
int inet_connect_to_itself(const struct inet_view *v, int *fd)
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
	inet_restore_reuse(*fd, v);
	return 0;
}

/*
 * The TCP sockets of a round's members whose other end is not on this host: what the agent is told
 * (`endpoints`), and what it then tells us of them (`match`), see docs/engine-protocol.md.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "../common/array.h"
#include "../descriptor/inet_table.h"
#include "../descriptor/inet_waiting.h"
#include "../resource/descriptors.h"
#include "server.h"

struct text_address {
	char address[INET6_ADDRSTRLEN];
	int port;
	bool loopback;
};

/* One mapped into IPv6 is written as IPv4. */
static void write_address(const struct inet_address *a, struct text_address *out)
{
	const struct in6_addr *six = &a->v6.sin6_addr;
	struct in_addr four = a->v4.sin_addr;

	memset(out, 0, sizeof(*out));
	out->port = ntohs(a->any.sa_family == AF_INET6 ? a->v6.sin6_port : a->v4.sin_port);
	if (a->any.sa_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(six)) {
		inet_ntop(AF_INET6, six, out->address, sizeof(out->address));
		out->loopback = IN6_IS_ADDR_LOOPBACK(six);
		return;
	}
	if (a->any.sa_family == AF_INET6)
		memcpy(&four, six->s6_addr + 12, sizeof(four));
	inet_ntop(AF_INET, &four, out->address, sizeof(out->address));
	out->loopback = ntohl(four.s_addr) >> 24 == 127;
}

static int queue_bytes(int fd, unsigned long which)
{
	int bytes = 0;

	return ioctl(fd, which, &bytes) || bytes < 0 ? 0 : bytes;
}

/* Of @s, or of a client that waits at the listener @s. */
static void add_endpoint(json_t *list, const struct inet_info *s,
			 const struct inet_address *own, const struct inet_address *far)
{
	bool waits = s->tcp_state == TCP_LISTEN;
	struct text_address local, remote;
	char key[24], path[64], network[24] = "";
	struct stat status;

	write_address(own, &local);
	write_address(far, &remote);
	if (local.loopback || remote.loopback || !local.port || !remote.port)
		return;
	snprintf(key, sizeof(key), "%llu", (unsigned long long)s->inode);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)s->entry->process->pid);
	if (!stat(path, &status))
		snprintf(network, sizeof(network), "%llu", (unsigned long long)status.st_ino);
	json_array_append_new(
		list, json_pack("{s:s, s:s, s:b, s:i, s:s, s:i, s:s, s:i, s:i, s:i}", "key", key,
				"network", network, "waiting", waits, "state", (int)s->tcp_state,
				"localAddress", local.address, "localPort", local.port,
				"remoteAddress", remote.address, "remotePort", remote.port,
				"unsent", waits ? 0 : queue_bytes(s->fd, SIOCOUTQ),
				"unread", waits ? 0 : queue_bytes(s->fd, SIOCINQ)));
}

static bool is_member(const struct inet_table *t, const struct inet_address *a)
{
	for (size_t n = 0; n < t->count; n++)
		if (inet_is_stream(&t->sockets[n]) && inet_same_address(&t->sockets[n].local, a))
			return true;
	return false;
}

/* Is another listener at the same port (SO_REUSEPORT) before us? Which has whom nobody can tell. */
static bool is_second(const struct inet_table *t, const struct inet_info *s)
{
	for (const struct inet_info *i = t->sockets; i < s; i++)
		if (inet_is_stream(i) && i->tcp_state == TCP_LISTEN && i->family == s->family &&
		    inet_same_address(&i->local, &s->local))
			return true;
	return false;
}

/* Those of other hosts; a client of this one is a socket of a member, or nobody's. */
static void add_waiting(json_t *list, const struct inet_table *t, const struct inet_info *s)
{
	struct inet_pair *clients = NULL;
	size_t count = is_second(t, s) ? 0 : inet_waiting_clients(s, &clients);

	for (size_t n = 0; n < count; n++)
		if (!is_member(t, &clients[n].far))
			add_endpoint(list, s, &clients[n].own, &clients[n].far);
	free(clients);
}

int request_endpoints(struct server *s, const json_t *request, json_t *answer,
		      struct fault *fault)
{
	json_t *list = json_array();
	struct inet_table *t = NULL;
	int ret = find_round(s, request, fault);

	if (!ret && !s->run->frozen)
		ret = fault_set(fault, EINVAL, "internal", "the round is not frozen");
	if (!ret)
		ret = inventory_build(&s->run->round, fault);
	if (!ret)
		ret = inet_table_read(&s->run->round, &t, fault);
	for (size_t n = 0; !ret && n < t->count; n++) {
		const struct inet_info *i = &t->sockets[n];

		if (!inet_is_stream(i) || !i->entry->process)
			continue;
		if (i->tcp_state == TCP_LISTEN)
			add_waiting(list, t, i);
		else if (i->remote.bytes && !i->peer && !i->listener)
			add_endpoint(list, i, &i->local, &i->remote);
	}
	inet_table_free(t);
	json_object_set_new(answer, "endpoints", list);
	return ret;
}

static int compare_remotes(const void *a, const void *b)
{
	const struct inet_remote *x = a, *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

/* For a `kill` after the round. */
static void remember(struct server *s, const struct round *r)
{
	size_t bytes = r->remote_count * sizeof(*r->remotes);

	free(s->remotes);
	s->remotes = malloc(bytes + 1);
	s->remote_count = s->remotes ? r->remote_count : 0;
	if (s->remotes && bytes)
		memcpy(s->remotes, r->remotes, bytes);
}

int request_match(struct server *s, const json_t *request, json_t *answer, struct fault *fault)
{
	int ret = find_round(s, request, fault);
	json_t *ends = json_object_get(request, "ends"), *end;
	struct round *r;
	size_t n;

	(void)answer;
	if (ret)
		return ret;
	r = &s->run->round;
	json_array_foreach(ends, n, end) {
		struct inet_remote *more = array_grow(r->remotes, r->remote_count,
						      &r->remote_capacity, sizeof(*more));

		if (!more)
			return fault_set(fault, ENOMEM, "out-of-memory", "list of endpoints");
		r->remotes = more;
		more[r->remote_count++] = (struct inet_remote){
			.key = strtoull(json_text(end, "key", "0"), NULL, 10),
			.connection = json_number(end, "connection", 0),
			.acceptor = json_flag(end, "acceptor", false),
			.peer_unsent = json_number(end, "peerUnsent", 0),
			.waits = json_number(end, "peerState", 0) == TCP_LISTEN,
		};
	}
	if (r->remote_count)
		qsort(r->remotes, r->remote_count, sizeof(*r->remotes), compare_remotes);
	remember(s, r);
	return 0;
}

/*
 * The TCP sockets of a round's members whose other end is not on this host: what the agent is told
 * (`endpoints`), and what it then tells us of them (`match`), see docs/engine-protocol.md.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "../descriptor/inet_table.h"
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

static void add_endpoint(json_t *list, const struct inet_info *s)
{
	struct text_address local, remote;
	char key[24], path[64], network[24] = "";
	struct stat status;

	write_address(&s->local, &local);
	write_address(&s->remote, &remote);
	if (local.loopback || remote.loopback || !local.port || !remote.port)
		return;
	snprintf(key, sizeof(key), "%llu", (unsigned long long)s->inode);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)s->entry->process->pid);
	if (!stat(path, &status))
		snprintf(network, sizeof(network), "%llu", (unsigned long long)status.st_ino);
	json_array_append_new(
		list, json_pack("{s:s, s:s, s:b, s:i, s:s, s:i, s:s, s:i, s:i, s:i}", "key", key,
				"network", network, "waiting", false, "state", (int)s->tcp_state,
				"localAddress", local.address, "localPort", local.port,
				"remoteAddress", remote.address, "remotePort", remote.port,
				"unsent", queue_bytes(s->fd, SIOCOUTQ),
				"unread", queue_bytes(s->fd, SIOCINQ)));
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

		if (inet_is_stream(i) && i->remote.bytes && !i->peer && i->entry->process)
			add_endpoint(list, i);
	}
	inet_table_free(t);
	json_object_set_new(answer, "endpoints", list);
	return ret;
}

/* Kept as they are: a socket is looked up by its key. */
int request_match(struct server *s, const json_t *request, json_t *answer, struct fault *fault)
{
	int ret = find_round(s, request, fault);
	json_t *ends = json_object_get(request, "ends"), *end;
	size_t n;

	(void)answer;
	if (ret)
		return ret;
	if (!s->run->ends)
		s->run->ends = json_object();
	json_array_foreach(ends, n, end)
		if (json_object_set(s->run->ends, json_text(end, "key", ""), end))
			return fault_set(fault, ENOMEM, "out-of-memory", "list of endpoints");
	return 0;
}

#include "reach.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/monotonic.h"
#include "../descriptor/mptcp.h"

#define CONNECT_MS 3000 /* to one address, which may not answer at all */
#define ALL_MS 30000
#define THREADS 15 /* beside the caller */

int reach_bind(int fd, int family, in_port_t port)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = port };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = port };

	return family == AF_INET6 ? bind(fd, (struct sockaddr *)&six, sizeof(six)) :
				    bind(fd, (struct sockaddr *)&four, sizeof(four));
}

void reach_addresses(char *out, size_t bytes, bool six_only)
{
	struct ifaddrs *all = NULL, *i;
	size_t used = 0;

	*out = 0;
	if (getifaddrs(&all))
		return;
	/* Those that every host has lead to whoever asks: only of a host that has no others. */
	for (int loopback = 0; loopback < 2 && !used; loopback++) {
		for (i = all; i; i = i->ifa_next) {
			char text[NI_MAXHOST];
			int family = i->ifa_addr ? i->ifa_addr->sa_family : 0;

			if ((family != AF_INET && family != AF_INET6) ||
			    (six_only && family == AF_INET) ||
			    !!(i->ifa_flags & IFF_LOOPBACK) != loopback ||
			    getnameinfo(i->ifa_addr, family == AF_INET6 ? 28 : 16, text,
					sizeof(text), NULL, 0, NI_NUMERICHOST) ||
			    strchr(text, '%') || used + strlen(text) + 2 > bytes)
				continue;
			used += snprintf(out + used, bytes - used, " %s", text);
		}
	}
	freeifaddrs(all);
}

/* Of the time that is left to all, @deadline_ms. */
static int patience_ms(uint64_t deadline_ms)
{
	uint64_t now = monotonic_ms(), left = now < deadline_ms ? deadline_ms - now : 0;

	return left < CONNECT_MS ? (int)left : CONNECT_MS;
}

static int connect_to(const struct inet_view *v, const struct sockaddr *to, socklen_t bytes,
		      bool own_port, uint64_t deadline_ms)
{
	const struct inet_payload *h = &v->head;
	int fd = mptcp_or_tcp_socket(h->family, h->type | SOCK_CLOEXEC | SOCK_NONBLOCK, h->protocol);
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	socklen_t length = sizeof(int);
	int error = 0, on = 1;

	if (fd < 0)
		return fd;
	socket_options_restore(fd, v->options, h->options, true);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (own_port && bind(fd, &h->local.any, h->local.bytes))
		reach_bind(fd, h->family, inet_port(&h->local)); /* else any port */
	if (connect(fd, to, bytes)) {
		error = errno;
		if (error == EINPROGRESS && poll(&ready, 1, patience_ms(deadline_ms)) > 0)
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
	}
	if (!error)
		return fd;
	close(fd);
	return -error;
}

/* @address as a socket of @family names it. */
static socklen_t make_address(const char *address, in_port_t port, int family,
			      struct sockaddr_in6 *six)
{
	struct sockaddr_in *four = (struct sockaddr_in *)six;
	struct in_addr a;

	memset(six, 0, sizeof(*six));
	if (family == AF_INET) {
		four->sin_family = AF_INET;
		four->sin_port = port;
		return inet_pton(AF_INET, address, &four->sin_addr) == 1 ? sizeof(*four) : 0;
	}
	six->sin6_family = AF_INET6;
	six->sin6_port = port;
	if (inet_pton(AF_INET6, address, &six->sin6_addr) == 1)
		return sizeof(*six);
	if (inet_pton(AF_INET, address, &a) != 1)
		return 0;
	six->sin6_addr.s6_addr[10] = six->sin6_addr.s6_addr[11] = 0xff;
	memcpy(&six->sin6_addr.s6_addr[12], &a, 4);
	return sizeof(*six);
}

static bool is_six(const struct inet_address *a)
{
	return a->any.sa_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr);
}

/* To those that are of IPv6, or not: one mapped into it would come from another kind of address. */
static int connect_some(const struct inet_view *v, const char *words, bool six,
			uint64_t deadline_ms)
{
	char text[1024], *rest = text, *word;
	int fd = -EHOSTUNREACH;
	in_port_t port;

	snprintf(text, sizeof(text), "%s", words);
	port = htons(atoi(strsep(&rest, " ")));
	while (fd < 0 && monotonic_ms() < deadline_ms && (word = strsep(&rest, " "))) {
		struct sockaddr_in6 to;
		socklen_t bytes = make_address(word, port, v->head.family, &to);

		if (!bytes || !strchr(word, ':') == six)
			continue;
		fd = connect_to(v, (struct sockaddr *)&to, bytes, true, deadline_ms);
		if (fd < 0) /* its old port may be taken, or in TIME_WAIT */
			fd = connect_to(v, (struct sockaddr *)&to, bytes, false, deadline_ms);
	}
	return fd;
}

static int connect_any(const struct inet_view *v, const char *words, uint64_t deadline_ms)
{
	bool six = is_six(&v->head.remote);
	int fd = connect_some(v, words, six, deadline_ms);

	return fd < 0 ? connect_some(v, words, !six, deadline_ms) : fd;
}

struct caller {
	struct reach_call *calls;
	size_t count;
	atomic_size_t next;
	uint64_t deadline_ms;
};

static void *call_some(void *argument)
{
	struct caller *c = argument;
	size_t n;

	while ((n = atomic_fetch_add(&c->next, 1)) < c->count) {
		struct reach_call *call = &c->calls[n];

		call->fd = connect_any(call->view, call->words, c->deadline_ms);
		if (call->fd >= 0 && call->connected)
			call->connected(call->context, call->fd);
	}
	return NULL;
}

void reach_connect(struct reach_call *calls, size_t count)
{
	struct caller c = { calls, count, 0, monotonic_ms() + ALL_MS };
	pthread_t threads[THREADS];
	size_t started = 0;

	while (started + 1 < count && started < THREADS &&
	       !pthread_create(&threads[started], NULL, call_some, &c))
		started++;
	call_some(&c);
	while (started)
		pthread_join(threads[--started], NULL);
}

/*
 * victim: sockets bound to their host's own address: TCP listeners, UDP; IPv4 and IPv6
 * category: across hosts
 * roles: server client
 */
#include "stream.h"

#define WORD "word"

enum { FOUR, SIX, COUNT };

static int listeners[COUNT], datagrams[COUNT];

static struct sockaddr_in6 name_of(int fd, socklen_t *bytes)
{
	struct sockaddr_in6 a = { 0 };

	*bytes = sizeof(a);
	victim_check(!getsockname(fd, (struct sockaddr *)&a, bytes));
	return a;
}

/* Of one host only, whichever it is. */
static bool is_own(const struct sockaddr_in6 *a)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)a;

	if (a->sin6_family == AF_INET6)
		return !IN6_IS_ADDR_UNSPECIFIED(&a->sin6_addr) &&
		       !IN6_IS_ADDR_LOOPBACK(&a->sin6_addr);
	return ntohl(four->sin_addr.s_addr) >> 24 == 10;
}

/* It answers at the address that it says. */
static void check(void)
{
	const struct linger at_once = { .l_onoff = 1 }; /* or the port has a TIME_WAIT */
	char word[sizeof(WORD)];

	for (int n = 0; n < COUNT; n++) {
		socklen_t bytes;
		struct sockaddr_in6 a = name_of(listeners[n], &bytes);
		struct pollfd comes = { .fd = datagrams[n], .events = POLLIN };
		int client = socket(a.sin6_family, SOCK_STREAM, 0), accepted;

		victim_check(is_own(&a) && client >= 0);
		victim_check(!connect(client, (struct sockaddr *)&a, bytes));
		accepted = stream_accept(listeners[n]);
		setsockopt(accepted, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		victim_check(!close(accepted) && !close(client));

		a = name_of(datagrams[n], &bytes);
		victim_check(is_own(&a));
		victim_check(sendto(datagrams[n], WORD, sizeof(WORD), 0, (struct sockaddr *)&a,
				    bytes) == sizeof(WORD));
		victim_check(poll(&comes, 1, 30000) == 1);
		victim_check(recv(datagrams[n], word, sizeof(word), 0) == sizeof(word) &&
			     !memcmp(word, WORD, sizeof(word)));
	}
}

/* At the address that this host has in the network of the other one. */
static int bound(int type, struct sockaddr_in6 own, socklen_t bytes, int port)
{
	int fd = socket(own.sin6_family, type, 0), on = 1;

	own.sin6_port = htons(port); /* at the same place in both */
	victim_check(fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)));
	victim_check(!bind(fd, (struct sockaddr *)&own, bytes));
	victim_check(type == SOCK_DGRAM || !listen(fd, 4));
	return fd;
}

int main(int count, char **arguments)
{
	static const int families[] = { AF_INET, AF_INET6 };
	int port, together[COUNT];

	victim_check(count == 5);
	port = atoi(arguments[4]);
	for (int n = 0; n < COUNT; n++) {
		bool server = stream_is_server(arguments);
		int meets = server ? stream_listen(arguments, families[n], n, 1) : -1;
		struct sockaddr_in6 own;
		socklen_t bytes;

		together[n] = server ? stream_accept(meets) :
				       stream_connect(arguments, families[n], n);
		close(meets);
		own = name_of(together[n], &bytes);
		listeners[n] = bound(SOCK_STREAM, own, bytes, port + (server ? 2 : 3));
		datagrams[n] = bound(SOCK_DGRAM, own, bytes, port + (server ? 2 : 3));
	}
	return victim_run(check);
}

/*
 * victim: MPTCP over loopback: listener, both ends MPTCP, one end plain TCP, half-closed, options
 * category: sockets
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "victim.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

struct pair {
	int client, accepted;
};

static struct sockaddr_in address;
static struct sockaddr_in6 address6 = { .sin6_family = AF_INET6,
					.sin6_addr = IN6ADDR_LOOPBACK_INIT };
static int listener, plain_listener;
static struct pair both, fallen_server, fallen_client, half, deaf, lone, six;
static char block[200000];

static int protocol_of(int fd)
{
	socklen_t length = sizeof(int);
	int protocol = -1;

	victim_check(!getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length));
	return protocol;
}

static void say(int fd, const char *text)
{
	victim_check(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

static void expect(int fd, const char *text)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	size_t wanted = strlen(text), have = 0;
	char data[64];

	while (have < wanted) {
		ssize_t n;

		victim_check(poll(&ready, 1, 5000) == 1);
		n = recv(fd, data + have, wanted - have, 0);
		victim_check(n > 0);
		have += n;
	}
	victim_check(!memcmp(data, text, wanted));
}

static void expect_end(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	char byte;

	victim_check(poll(&ready, 1, 5000) == 1 && !recv(fd, &byte, 1, MSG_DONTWAIT));
}

static void speak(const struct pair *p)
{
	expect(p->accepted, "from client");
	expect(p->client, "from server");
	say(p->client, "from client");
	say(p->accepted, "from server");
}

static struct pair connect_to(int server, int family, int protocol)
{
	struct sockaddr_storage to;
	socklen_t length = sizeof(to);
	struct pair p;

	p.client = socket(family, SOCK_STREAM, protocol);
	victim_check(!getsockname(server, (struct sockaddr *)&to, &length));
	victim_check(!connect(p.client, (struct sockaddr *)&to, length));
	p.accepted = accept(server, NULL, NULL);
	victim_check(p.accepted >= 0);
	return p;
}

static void check_long(void)
{
	struct pollfd ready = { .fd = lone.accepted, .events = POLLIN };
	static char data[sizeof(block)];
	size_t have = 0;

	say(half.accepted, "go on");
	expect(half.client, "go on");
	expect_end(half.accepted);
	victim_check(send(lone.client, block, sizeof(block), MSG_NOSIGNAL) == sizeof(block));
	while (have < sizeof(block)) {
		ssize_t n;

		victim_check(poll(&ready, 1, 5000) == 1);
		n = recv(lone.accepted, data + have, sizeof(block) - have, 0);
		victim_check(n > 0);
		have += n;
	}
	victim_check(!memcmp(data, block, have));
}

static void check(void)
{
	socklen_t length = sizeof(int);
	int value = 0;
	struct pair fresh;

	speak(&both);
	speak(&fallen_server);
	speak(&fallen_client);
	speak(&six);
	check_long();
	expect_end(deaf.accepted);
	say(deaf.accepted, "x");
	expect(deaf.client, "x");
	victim_check(protocol_of(listener) == IPPROTO_MPTCP);
	victim_check(protocol_of(both.client) == IPPROTO_MPTCP);
	victim_check(protocol_of(both.accepted) == IPPROTO_MPTCP);
	victim_check(protocol_of(fallen_server.client) == IPPROTO_TCP);
	victim_check(protocol_of(fallen_server.accepted) == IPPROTO_TCP);
	victim_check(protocol_of(fallen_client.client) == IPPROTO_MPTCP);
	victim_check(protocol_of(fallen_client.accepted) == IPPROTO_TCP);
	victim_check(!getsockopt(both.client, IPPROTO_TCP, TCP_NODELAY, &value, &length) && value);
	fresh = connect_to(listener, AF_INET, IPPROTO_MPTCP);
	victim_check(protocol_of(fresh.accepted) == IPPROTO_MPTCP);
	say(fresh.client, "fresh");
	expect(fresh.accepted, "fresh");
	close(fresh.client);
	close(fresh.accepted);
}

int main(void)
{
	int listener6, on = 1;

	for (size_t n = 0; n < sizeof(block); n++)
		block[n] = n * 7 / 3;
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
	if (listener < 0)
		victim_unavailable("this kernel has no MPTCP");
	/* Ends of connections to it may wait out their time when it is made anew. */
	victim_check(!setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)));
	victim_check(!bind(listener, (struct sockaddr *)&address, sizeof(address)));
	victim_check(!listen(listener, 7));
	plain_listener = socket(AF_INET, SOCK_STREAM, 0);
	victim_check(!bind(plain_listener, (struct sockaddr *)&address, sizeof(address)));
	victim_check(!listen(plain_listener, 7));
	listener6 = socket(AF_INET6, SOCK_STREAM, IPPROTO_MPTCP);
	victim_check(!bind(listener6, (struct sockaddr *)&address6, sizeof(address6)));
	victim_check(!listen(listener6, 1));
	both = connect_to(listener, AF_INET, IPPROTO_MPTCP);
	fallen_server = connect_to(listener, AF_INET, 0);
	fallen_client = connect_to(plain_listener, AF_INET, IPPROTO_MPTCP);
	half = connect_to(listener, AF_INET, IPPROTO_MPTCP);
	deaf = connect_to(listener, AF_INET, IPPROTO_MPTCP);
	lone = connect_to(plain_listener, AF_INET, IPPROTO_MPTCP);
	six = connect_to(listener6, AF_INET6, IPPROTO_MPTCP);
	close(listener6);
	close(plain_listener); /* the other end has to be found without it */
	victim_check(!setsockopt(both.client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
	victim_check(!shutdown(half.client, SHUT_WR));
	victim_check(!shutdown(deaf.accepted, SHUT_RD));
	say(both.client, "from client");
	say(both.accepted, "from server");
	say(fallen_server.client, "from client");
	say(fallen_server.accepted, "from server");
	say(fallen_client.client, "from client");
	say(fallen_client.accepted, "from server");
	say(six.client, "from client");
	say(six.accepted, "from server");
	return victim_run(check);
}

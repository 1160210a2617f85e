/*
 * victim: TCP over loopback: listener, connections with data both ways, addresses, options
 * category: sockets
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "victim.h"

static int listener, client, accepted, client6, accepted6, listener6;
static struct sockaddr_in before[4];

static void say(int fd, const char *text)
{
	victim_check(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

static void expect(int fd, const char *text)
{
	char data[64];
	struct timeval limit = { .tv_sec = 2 };
	ssize_t n;

	victim_check(!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	n = recv(fd, data, strlen(text), MSG_WAITALL);
	victim_check(n == (ssize_t)strlen(text) && !memcmp(data, text, n));
	limit.tv_sec = 0;
	victim_check(!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
}

static void names(struct sockaddr_in *out)
{
	socklen_t length = sizeof(*out);

	victim_check(!getsockname(client, (struct sockaddr *)&out[0], &length));
	victim_check(!getpeername(client, (struct sockaddr *)&out[1], &length));
	victim_check(!getsockname(accepted, (struct sockaddr *)&out[2], &length));
	victim_check(!getpeername(accepted, (struct sockaddr *)&out[3], &length));
}

static int connect_to_port(void)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	victim_check(!getsockname(listener, (struct sockaddr *)&address, &length));
	victim_check(fd >= 0 && !connect(fd, (struct sockaddr *)&address, length));
	return fd;
}

static void check(void)
{
	struct sockaddr_in now[4] = { 0 };
	socklen_t length = sizeof(int);
	int value = 0, fresh, served;

	names(now);
	victim_check(!memcmp(now, before, sizeof(now)));
	expect(accepted, "from client");
	expect(client, "from server");
	say(client, "from client");
	say(accepted, "from server");
	expect(accepted6, "six");
	say(client6, "six");
	victim_check(!getsockopt(client, IPPROTO_TCP, TCP_NODELAY, &value, &length) && value);
	victim_check(!getsockopt(client, SOL_SOCKET, SO_KEEPALIVE, &value, &length) && value);
	victim_check(!getsockopt(accepted, SOL_SOCKET, SO_KEEPALIVE, &value, &length) && !value);
	victim_check(fcntl(accepted, F_GETFL) & O_NONBLOCK && !(fcntl(client, F_GETFL) & O_NONBLOCK));
	fresh = connect_to_port();
	served = accept(listener, NULL, NULL);
	victim_check(served >= 0);
	say(fresh, "fresh");
	expect(served, "fresh");
	close(fresh);
	close(served);
}

int main(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct sockaddr_in6 address6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	socklen_t length = sizeof(address6);
	int on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	victim_check(!bind(listener, (struct sockaddr *)&address, sizeof(address)));
	victim_check(!listen(listener, 7));
	client = connect_to_port();
	accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	victim_check(accepted >= 0);
	victim_check(!setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
	victim_check(!setsockopt(client, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)));
	/* IPv6, whose listener is closed by now. */
	listener6 = socket(AF_INET6, SOCK_STREAM, 0);
	client6 = socket(AF_INET6, SOCK_STREAM, 0);
	victim_check(!bind(listener6, (struct sockaddr *)&address6, sizeof(address6)));
	victim_check(!listen(listener6, 1));
	victim_check(!getsockname(listener6, (struct sockaddr *)&address6, &length));
	victim_check(!connect(client6, (struct sockaddr *)&address6, sizeof(address6)));
	accepted6 = accept(listener6, NULL, NULL);
	victim_check(accepted6 >= 0);
	close(listener6);
	names(before);
	say(client, "from client");
	say(accepted, "from server");
	say(client6, "six");
	return victim_run(check);
}

/*
 * victim: TCP listeners of IPv6 alone and of IPv4 at one port, with connections of both
 * category: sockets
 * scenarios: restart continue cycles twice
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "victim.h"

union address {
	struct sockaddr any;
	struct sockaddr_in four;
	struct sockaddr_in6 six;
};

static union address four, six;
static int listeners[2], clients[2], servers[2];

static socklen_t size_of(const union address *a)
{
	return a->any.sa_family == AF_INET ? sizeof(a->four) : sizeof(a->six);
}

/* -1: the port is taken. */
static int listen_at(union address *a)
{
	int fd = socket(a->any.sa_family, SOCK_STREAM, 0), one = 1;
	socklen_t length = size_of(a);

	if (a == &six)
		victim_check(!setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)));
	if (bind(fd, &a->any, length) || listen(fd, 7)) {
		victim_check(errno == EADDRINUSE && !close(fd));
		return -1;
	}
	victim_check(!getsockname(fd, &a->any, &length));
	return fd;
}

static int connect_to(int listener, union address to, int *accepted)
{
	int fd = socket(to.any.sa_family, SOCK_STREAM, 0);

	if (to.any.sa_family == AF_INET)
		to.four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		to.six.sin6_addr = in6addr_loopback;
	victim_check(!connect(fd, &to.any, size_of(&to)));
	*accepted = accept(listener, NULL, NULL);
	victim_check(*accepted >= 0);
	return fd;
}

static void exchange(int from, int to)
{
	static unsigned int number;
	unsigned int got = 0;

	number++;
	victim_check(send(from, &number, sizeof(number), MSG_NOSIGNAL) == sizeof(number));
	victim_check(recv(to, &got, sizeof(got), MSG_WAITALL) == sizeof(got) && got == number);
}

static void check(void)
{
	for (int n = 0; n < 2; n++) {
		exchange(clients[n], servers[n]);
		exchange(servers[n], clients[n]);
	}
}

/* At a port that the kernel chose for one family; somebody else may have it in the other one. */
static int listen_at_both(void)
{
	int fd;

	six.six.sin6_port = 0;
	listeners[0] = listen_at(&six);
	victim_check(listeners[0] >= 0);
	four.four.sin_port = six.six.sin6_port;
	fd = listen_at(&four);
	if (fd < 0)
		close(listeners[0]);
	return fd;
}

int main(void)
{
	int fd = -1, accepted, result;

	six.six.sin6_family = AF_INET6;
	four.four.sin_family = AF_INET;
	for (int attempts = 0; fd < 0 && attempts < 100; attempts++)
		fd = listen_at_both();
	/* Restored in the order of their numbers: the connection before the listener that it is of. */
	listeners[1] = fcntl(fd, F_DUPFD, 100);
	victim_check(listeners[1] == 100 && !close(fd));
	clients[0] = connect_to(listeners[0], six, &servers[0]);
	clients[1] = connect_to(listeners[1], four, &servers[1]);
	result = victim_run(check);
	fd = connect_to(listeners[0], six, &accepted);
	exchange(fd, accepted);
	fd = connect_to(listeners[1], four, &accepted);
	exchange(fd, accepted);
	return result;
}

/*
 * victim: TCP clients that are still connecting, and one that has been refused
 * category: sockets
 * scenarios: cycles twice
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "victim.h"

static int listener, waiting[6], refused;
static struct sockaddr_in address = { .sin_family = AF_INET };

static int client(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	victim_check(fd >= 0);
	victim_check(!connect(fd, (struct sockaddr *)&address, sizeof(address)) ||
		     errno == EINPROGRESS);
	return fd;
}

static int state(int fd)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);

	victim_check(!getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length));
	return info.tcpi_state;
}

static void check(void)
{
	int s = state(waiting[5]);

	victim_check(s == TCP_SYN_SENT || s == TCP_ESTABLISHED);
}

/* The listener has room in the end. */
static void finish(void)
{
	struct pollfd last = { waiting[5], POLLOUT, 0 };
	char byte;

	victim_check(!fcntl(listener, F_SETFL, O_NONBLOCK));
	for (int tries = 0; poll(&last, 1, 1) != 1; tries++) {
		victim_check(tries < 20000);
		accept(listener, NULL, NULL);
	}
	victim_check(last.revents == POLLOUT && send(waiting[5], "x", 1, 0) == 1);
	victim_check(recv(refused, &byte, 1, 0) < 0 && errno == ECONNREFUSED);
	victim_check(recv(refused, &byte, 1, 0) <= 0);
}

int main(void)
{
	struct sockaddr_in taken = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	int result, closed;

	address.sin_addr.s_addr = taken.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	victim_check(!bind(listener, (struct sockaddr *)&address, length) && !listen(listener, 1));
	victim_check(!getsockname(listener, (struct sockaddr *)&address, &length));
	for (int n = 0; n < 6; n++)
		waiting[n] = client();
	closed = socket(AF_INET, SOCK_STREAM, 0);
	victim_check(!bind(closed, (struct sockaddr *)&taken, length));
	victim_check(!getsockname(closed, (struct sockaddr *)&taken, &length));
	refused = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	victim_check(connect(refused, (struct sockaddr *)&taken, length) < 0);
	victim_check(errno == EINPROGRESS);
	usleep(20000);
	victim_check(state(waiting[5]) == TCP_SYN_SENT);
	result = victim_run(check);
	finish();
	return result;
}

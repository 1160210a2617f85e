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

#define CLIENTS 6 /* more than find room in the queue */

static int listener, waiting[CLIENTS], refused;
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
	int s = state(waiting[CLIENTS - 1]);

	victim_check(s == TCP_SYN_SENT || s == TCP_ESTABLISHED);
}

/*
 * The listener has room in the end, for everybody. With so small a queue the kernel answers some with
 * cookies, and forgets them until they speak: tcp_conn_request() in net/ipv4/tcp_input.c.
 */
static void finish(void)
{
	int accepted = 0, spoken = 0;
	char byte;

	victim_check(!fcntl(listener, F_SETFL, O_NONBLOCK));
	for (int tries = 0; accepted < CLIENTS; tries++) {
		victim_check(tries < 20000);
		accepted += accept(listener, NULL, NULL) >= 0;
		for (int n = 0; n < CLIENTS; n++) {
			if (spoken & 1 << n || state(waiting[n]) != TCP_ESTABLISHED)
				continue;
			victim_check(send(waiting[n], "x", 1, MSG_NOSIGNAL) == 1);
			spoken |= 1 << n;
		}
		usleep(1000);
	}
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
	for (int n = 0; n < CLIENTS; n++)
		waiting[n] = client();
	closed = socket(AF_INET, SOCK_STREAM, 0);
	victim_check(!bind(closed, (struct sockaddr *)&taken, length));
	victim_check(!getsockname(closed, (struct sockaddr *)&taken, &length));
	refused = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	victim_check(connect(refused, (struct sockaddr *)&taken, length) < 0);
	victim_check(errno == EINPROGRESS);
	usleep(20000);
	victim_check(state(waiting[CLIENTS - 1]) == TCP_SYN_SENT);
	result = victim_run(check);
	finish();
	return result;
}

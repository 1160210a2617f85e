/*
 * victim: packets of a peer that has closed, an empty one among them
 * category: sockets
 */
#include <poll.h>
#include <sys/socket.h>

#include "victim.h"

static int left, right;

static void check(void)
{
	struct pollfd state = { .fd = left, .events = POLLIN | POLLRDHUP };
	char data[16];

	victim_check(poll(&state, 1, 0) == 1);
	victim_check(state.revents & POLLIN && state.revents & POLLRDHUP);
	victim_check(recv(left, data, sizeof(data), MSG_PEEK | MSG_DONTWAIT) == 5);
	victim_check(!memcmp(data, "first", 5));
	/* The other one has only been told that there will be no more. */
	state.fd = right;
	victim_check(poll(&state, 1, 0) == 1 && state.revents & POLLRDHUP);
	victim_check(send(right, "x", 1, MSG_NOSIGNAL) == 1);
}

static void expect(int fd, const char *text)
{
	char data[16];

	victim_check(recv(fd, data, sizeof(data), MSG_DONTWAIT) == (ssize_t)strlen(text));
	victim_check(!memcmp(data, text, strlen(text)));
}

int main(void)
{
	int pair[2], half[2], result;
	char data[4];

	victim_check(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
	victim_check(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, half));
	victim_check(send(pair[1], "first", 5, 0) == 5 && send(pair[1], "", 0, 0) == 0);
	victim_check(send(pair[1], "third", 5, 0) == 5 && send(pair[1], "", 0, 0) == 0);
	close(pair[1]);
	left = pair[0];
	victim_check(!shutdown(half[1], SHUT_WR));
	right = half[0];
	result = victim_run(check);
	expect(left, "first");
	expect(left, "");
	expect(left, "third");
	expect(left, "");
	victim_check(recv(left, data, sizeof(data), 0) == 0);
	victim_check(recv(half[1], data, sizeof(data), 0) == 1);
	return result;
}

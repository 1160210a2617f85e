/*
 * victim: Unix streams half-closed, peer gone with last words, client not yet accepted
 * category: sockets
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "victim.h"

static int half[2], widow, listener, waiting;
static char words[600];
static int taken;

static void check(void)
{
	struct pollfd state = { .fd = widow, .events = POLLIN };
	char byte;

	/* 0 may still send, 1 only receive... and what 0 said before is there. */
	victim_check(send(half[1], "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE);
	victim_check(send(half[0], "y", 1, MSG_NOSIGNAL) == 1);
	victim_check(recv(half[1], &byte, 1, MSG_DONTWAIT) == 1 && byte == 'y');
	victim_check(recv(half[0], &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 1 && byte == 'l');
	victim_check(poll(&state, 1, 0) == 1 && state.revents & POLLHUP);
	if (taken < (int)sizeof(words)) {
		victim_check(recv(widow, &byte, 1, MSG_DONTWAIT) == 1 && byte == words[taken]);
		taken++;
	}
	victim_check(send(widow, "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE);
	state.fd = listener;
	victim_check(poll(&state, 1, 0) == 1 && state.revents & POLLIN);
	state.fd = waiting;
	victim_check(poll(&state, 1, 0) == 0);
}

int main(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "server" };
	char data[8] = "";
	int pair[2], result, accepted;

	victim_check(!socketpair(AF_UNIX, SOCK_STREAM, 0, half));
	victim_check(send(half[1], "last", 4, 0) == 4 && !shutdown(half[1], SHUT_WR));
	for (size_t n = 0; n < sizeof(words); n++)
		words[n] = n * 3;
	victim_check(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	victim_check(write(pair[1], words, sizeof(words)) == sizeof(words));
	close(pair[1]);
	widow = pair[0];
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	waiting = socket(AF_UNIX, SOCK_STREAM, 0);
	victim_check(!bind(listener, (struct sockaddr *)&address, sizeof(address)));
	victim_check(!listen(listener, 3));
	victim_check(!connect(waiting, (struct sockaddr *)&address, sizeof(address)));
	result = victim_run(check);
	accepted = accept(listener, NULL, NULL);
	victim_check(accepted >= 0 && send(waiting, "hello", 5, 0) == 5);
	victim_check(recv(accepted, data, sizeof(data), 0) == 5 && !strcmp(data, "hello"));
	victim_check(recv(half[0], data, sizeof(data), 0) == 4 && recv(half[0], data, 8, 0) == 0);
	return result;
}

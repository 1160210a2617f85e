/*
 * victim: TCP between hosts, clients that no program has accepted yet
 * category: across hosts
 * roles: server client
 */
#include "stream.h"

#define CLIENTS 5

static int listener = -1, six = -1, fds[CLIENTS];

static void check(void)
{
	struct pollfd state[] = { { .fd = listener, .events = POLLIN },
				  { .fd = six, .events = POLLIN } };
	char byte;

	if (listener >= 0)
		victim_check(poll(&state[0], 1, 30000) == 1 && poll(&state[1], 1, 30000) == 1);
	for (int n = 0; n < CLIENTS && listener < 0; n++)
		victim_check(recv(fds[n], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
}

int main(int count, char **arguments)
{
	uint32_t number, seen = 0;
	int result;

	victim_check(count == 5);
	if (stream_is_server(arguments)) {
		listener = stream_listen(arguments, AF_INET, 0, CLIENTS);
		six = stream_listen(arguments, AF_INET6, 0, CLIENTS);
		check();
	} else {
		for (int n = 0; n < CLIENTS; n++)
			fds[n] = stream_connect(arguments, n == 3 ? AF_INET6 : AF_INET, 0);
	}
	result = victim_run(check);
	for (uint32_t n = 0; n < CLIENTS && listener < 0; n++)
		victim_check(send(fds[n], &n, sizeof(n), MSG_NOSIGNAL) == sizeof(n));
	for (uint32_t n = 0; n < CLIENTS; n++) {
		struct pollfd state = { .fd = fds[n], .events = POLLIN };

		if (listener < 0) {
			victim_check(poll(&state, 1, 30000) == 1);
			victim_check(recv(fds[n], &number, sizeof(number), MSG_WAITALL) ==
				     sizeof(number));
			victim_check(number == n + 100);
			continue;
		}
		fds[n] = stream_accept(n == CLIENTS - 1 ? six : listener);
		victim_check(recv(fds[n], &number, sizeof(number), MSG_WAITALL) == sizeof(number));
		victim_check(number < CLIENTS && !(seen & 1 << number));
		seen |= 1 << number;
		number += 100;
		victim_check(send(fds[n], &number, sizeof(number), MSG_NOSIGNAL) == sizeof(number));
	}
	return result;
}

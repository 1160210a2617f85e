/*
 * victim: TCP half-closed, peer gone with last words, connection reset, connected to itself, listener with a client waiting
 * category: sockets
 */
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "victim.h"

static int listener, half[2], widow, waiting, reset, own;
static int taken;

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
	struct pollfd state = { .fd = listener, .events = POLLIN };
	char byte = 0;

	victim_check(send(half[0], "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE);
	victim_check(send(half[1], "y", 1, MSG_NOSIGNAL) == 1);
	victim_check(recv(half[0], &byte, 1, 0) == 1 && byte == 'y');
	victim_check(recv(half[1], &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1 && byte == 'l');
	if (taken < 500) {
		victim_check(recv(widow, &byte, 1, MSG_DONTWAIT) == 1 && byte == (char)taken);
		taken++;
	}
	victim_check(poll(&state, 1, 0) == 1);
}

int main(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	const struct linger at_once = { .l_onoff = 1 };
	socklen_t length = sizeof(address);
	char words[500], data[8] = "";
	int other, result, accepted;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	victim_check(!bind(listener, (struct sockaddr *)&address, sizeof(address)));
	victim_check(!listen(listener, 7));
	half[0] = connect_to_port();
	half[1] = accept(listener, NULL, NULL);
	victim_check(send(half[0], "last", 4, 0) == 4 && !shutdown(half[0], SHUT_WR));
	widow = connect_to_port();
	other = accept(listener, NULL, NULL);
	for (int n = 0; n < 500; n++)
		words[n] = n;
	victim_check(send(other, words, sizeof(words), 0) == sizeof(words));
	close(other);
	other = connect_to_port();
	reset = accept(listener, NULL, NULL);
	setsockopt(other, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(other);
	own = socket(AF_INET, SOCK_STREAM, 0);
	address.sin_port = 0;
	victim_check(!bind(own, (struct sockaddr *)&address, sizeof(address)));
	victim_check(!getsockname(own, (struct sockaddr *)&address, &length));
	victim_check(!connect(own, (struct sockaddr *)&address, length));
	victim_check(send(own, "me", 2, 0) == 2);
	waiting = connect_to_port();
	result = victim_run(check);
	victim_check(recv(half[1], data, sizeof(data), MSG_WAITALL) == 4 && !strcmp(data, "last"));
	victim_check(recv(own, data, 2, MSG_WAITALL) == 2 && !memcmp(data, "me", 2));
	victim_check(send(own, "again", 5, 0) == 5);
	victim_check(recv(own, data, 5, MSG_WAITALL) == 5 && !memcmp(data, "again", 5));
	victim_check(recv(reset, data, 1, MSG_DONTWAIT) <= 0);
	accepted = accept(listener, NULL, NULL);
	victim_check(accepted >= 0 && send(waiting, "hello", 5, 0) == 5);
	victim_check(recv(accepted, data, 5, MSG_WAITALL) == 5 && !memcmp(data, "hello", 5));
	return result;
}

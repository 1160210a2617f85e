/*
 * victim: TCP clients that have sent data, or closed, before they are accepted
 * category: sockets
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "victim.h"

#define CLIENTS 4

static int listener, clients[CLIENTS];

static void check(void)
{
	char byte;

	victim_check(recv(clients[0], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
	victim_check(recv(clients[1], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
	victim_check(fcntl(clients[0], F_GETOWN) == getpid());
	victim_check(fcntl(clients[0], F_GETSIG) == SIGURG);
}

int main(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	struct sockaddr_in names[CLIENTS];
	int result;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	victim_check(!bind(listener, (struct sockaddr *)&address, sizeof(address)));
	victim_check(!listen(listener, CLIENTS));
	victim_check(!getsockname(listener, (struct sockaddr *)&address, &length));
	for (int n = 0; n < CLIENTS; n++) {
		char text[] = "client 0 speaks";

		length = sizeof(names[n]);
		clients[n] = socket(AF_INET, SOCK_STREAM, 0);
		victim_check(!connect(clients[n], (struct sockaddr *)&address, sizeof(address)));
		victim_check(!getsockname(clients[n], (struct sockaddr *)&names[n], &length));
		text[7] += n;
		if (n != 1)
			victim_check(send(clients[n], text, 15, 0) == 15);
		if (n == 2)
			victim_check(!shutdown(clients[n], SHUT_WR));
		if (n == 3)
			victim_check(!close(clients[n]));
	}
	victim_check(!fcntl(clients[0], F_SETOWN, getpid()));
	victim_check(!fcntl(clients[0], F_SETSIG, SIGURG));
	result = victim_run(check);
	for (int n = 0; n < CLIENTS; n++) {
		char text[32] = "", wanted[] = "client 0 speaks", byte;
		struct sockaddr_in peer, name = names[n];
		int accepted;

		/* Another program of the host may have taken the port between kill and restart. */
		length = sizeof(name);
		victim_check(n == 3 || !getsockname(clients[n], (struct sockaddr *)&name, &length));
		length = sizeof(peer);
		accepted = accept(listener, (struct sockaddr *)&peer, &length);
		victim_check(accepted >= 0 && (n == 3 || peer.sin_port == name.sin_port));
		wanted[7] += n;
		if (n != 1)
			victim_check(recv(accepted, text, 15, MSG_WAITALL) == 15 &&
				     !strcmp(text, wanted));
		if (n >= 2)
			victim_check(recv(accepted, text, 1, 0) == 0);
		else
			victim_check(recv(accepted, text, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
		if (n == 3)
			continue;
		victim_check(send(accepted, "x", 1, 0) == 1);
		victim_check(recv(clients[n], &byte, 1, 0) == 1 && byte == 'x');
	}
	victim_check(!fcntl(listener, F_SETFL, O_NONBLOCK));
	victim_check(accept(listener, NULL, NULL) < 0 && errno == EAGAIN);
	return result;
}

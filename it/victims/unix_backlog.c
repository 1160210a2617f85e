/*
 * victim: Unix clients that have sent data, or closed, before they are accepted
 * category: sockets
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "victim.h"

#define CLIENTS 4

static struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "server" };
static int listeners[2], clients[2][CLIENTS];

static void set_up(int which, int type)
{
	int *listener = &listeners[which];

	address.sun_path[0] = 'a' + which;
	*listener = socket(AF_UNIX, type, 0);
	victim_check(!bind(*listener, (struct sockaddr *)&address, sizeof(address)));
	victim_check(!listen(*listener, CLIENTS));
	for (int n = 0; n < CLIENTS; n++) {
		char text[] = "client 0 speaks";

		clients[which][n] = socket(AF_UNIX, type, 0);
		victim_check(!connect(clients[which][n], (struct sockaddr *)&address,
				      sizeof(address)));
		if (n == 1)
			continue; /* says nothing */
		text[7] += n;
		victim_check(send(clients[which][n], text, 8, 0) == 8);
		victim_check(send(clients[which][n], text + 8, 7, 0) == 7);
		if (n == 2)
			victim_check(!shutdown(clients[which][n], SHUT_WR));
		if (n == 3)
			victim_check(!close(clients[which][n]));
	}
}

static void check(void)
{
	char byte;

	/* A client hears nothing before it is accepted. */
	victim_check(recv(clients[0][0], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
	victim_check(recv(clients[1][2], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
	victim_check(fcntl(clients[0][0], F_GETOWN) == getpid());
	victim_check(fcntl(clients[0][0], F_GETSIG) == SIGURG);
}

static void expect(int accepted, int client, int type)
{
	char text[32] = "", wanted[] = "client 0 speaks";
	ssize_t n;

	wanted[7] += client;
	if (client != 1 && type == SOCK_STREAM) {
		victim_check(recv(accepted, text, 15, MSG_WAITALL) == 15);
		victim_check(!strcmp(text, wanted));
	} else if (client != 1) {
		victim_check(recv(accepted, text, 32, 0) == 8 && !memcmp(text, wanted, 8));
		victim_check(recv(accepted, text, 32, 0) == 7 && !memcmp(text, wanted + 8, 7));
	}
	n = recv(accepted, text, 1, MSG_DONTWAIT);
	if (client >= 2)
		victim_check(n == 0);
	else
		victim_check(n < 0 && errno == EAGAIN);
}

int main(void)
{
	static const int types[2] = { SOCK_STREAM, SOCK_SEQPACKET };
	int result;

	set_up(0, SOCK_STREAM);
	set_up(1, SOCK_SEQPACKET);
	victim_check(!fcntl(clients[0][0], F_SETOWN, getpid()));
	victim_check(!fcntl(clients[0][0], F_SETSIG, SIGURG));
	result = victim_run(check);
	for (int which = 0; which < 2; which++) {
		for (int n = 0; n < CLIENTS; n++) {
			int accepted = accept(listeners[which], NULL, NULL);
			char byte;

			victim_check(accepted >= 0);
			expect(accepted, n, types[which]);
			if (n == 3)
				continue;
			victim_check(send(accepted, "x", 1, 0) == 1);
			victim_check(recv(clients[which][n], &byte, 1, 0) == 1 && byte == 'x');
		}
		victim_check(fcntl(listeners[which], F_SETFL, O_NONBLOCK) == 0);
		victim_check(accept(listeners[which], NULL, NULL) < 0 && errno == EAGAIN);
	}
	return result;
}

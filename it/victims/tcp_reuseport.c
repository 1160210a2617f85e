/*
 * victim: TCP listeners that share a port (SO_REUSEPORT), connections of each
 * category: sockets
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "victim.h"

#define LISTENERS 4
#define CONNECTIONS 16

static struct pollfd listeners[LISTENERS];
static int client[CONNECTIONS], accepted[CONNECTIONS];
static struct sockaddr_in address = { .sin_family = AF_INET };

static void pass(int from, int to)
{
	char byte = 'x';

	victim_check(send(from, &byte, 1, MSG_NOSIGNAL) == 1);
	byte = 0;
	victim_check(recv(to, &byte, 1, 0) == 1 && byte == 'x');
}

static void meet(int *one, int *other)
{
	*one = socket(AF_INET, SOCK_STREAM, 0);
	victim_check(*one >= 0 && !connect(*one, (struct sockaddr *)&address, sizeof(address)));
	victim_check(poll(listeners, LISTENERS, 10000) == 1);
	for (int n = 0; n < LISTENERS; n++)
		if (listeners[n].revents)
			*other = accept(listeners[n].fd, NULL, NULL);
	victim_check(*other >= 0);
}

static void check(void)
{
	int one, other = -1;

	for (int n = 0; n < CONNECTIONS; n++) {
		pass(client[n], accepted[n]);
		pass(accepted[n], client[n]);
	}
	meet(&one, &other);
	pass(one, other);
	close(one);
	close(other);
}

int main(void)
{
	socklen_t length = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int n = 0; n < LISTENERS; n++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		victim_check(fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int){ 1 },
						    sizeof(int)));
		victim_check(!bind(fd, (struct sockaddr *)&address, sizeof(address)));
		victim_check(!getsockname(fd, (struct sockaddr *)&address, &length));
		victim_check(!listen(fd, 8));
		listeners[n] = (struct pollfd){ .fd = fd, .events = POLLIN };
	}
	for (int n = 0; n < CONNECTIONS; n++)
		meet(&client[n], &accepted[n]);
	return victim_run(check);
}

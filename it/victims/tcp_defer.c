/*
 * victim: TCP listener that waits for the first data (TCP_DEFER_ACCEPT), its quiet connections
 * category: sockets
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "victim.h"

#define CONNECTIONS 3

static int listener, client[CONNECTIONS], accepted[CONNECTIONS], defer;

static void pass(int from, int to)
{
	char byte = 'x';

	victim_check(send(from, &byte, 1, MSG_NOSIGNAL) == 1);
	byte = 0;
	victim_check(recv(to, &byte, 1, 0) == 1 && byte == 'x');
}

static void meet(int *one, int *other)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	victim_check(!getsockname(listener, (struct sockaddr *)&address, &length));
	*one = socket(AF_INET, SOCK_STREAM, 0);
	victim_check(*one >= 0 && !connect(*one, (struct sockaddr *)&address, length));
	victim_check(send(*one, "x", 1, MSG_NOSIGNAL) == 1);
	*other = accept(listener, NULL, NULL);
	victim_check(*other >= 0);
	victim_check(recv(*other, &(char){ 0 }, 1, 0) == 1);
}

static int seconds(void)
{
	int value = 0;
	socklen_t length = sizeof(value);

	victim_check(!getsockopt(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &value, &length));
	return value;
}

static void check(void)
{
	int one, other;

	victim_check(seconds() == defer);
	for (int n = 0; n < CONNECTIONS; n++) {
		pass(client[n], accepted[n]);
		pass(accepted[n], client[n]);
	}
	meet(&one, &other);
	close(one);
	close(other);
}

int main(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET };

	any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	victim_check(listener >= 0 && !bind(listener, (struct sockaddr *)&any, sizeof(any)));
	victim_check(!setsockopt(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &(int){ 30 }, sizeof(int)));
	victim_check(!listen(listener, 8));
	defer = seconds();
	victim_check(defer >= 30);
	for (int n = 0; n < CONNECTIONS; n++)
		meet(&client[n], &accepted[n]);
	return victim_run(check);
}

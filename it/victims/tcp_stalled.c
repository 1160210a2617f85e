/*
 * victim: TCP connection that is full and that nobody reads
 * category: sockets
 */
#include <netinet/in.h>
#include <sys/socket.h>

#include "victim.h"

static int ends[2];
static size_t sent_bytes[2];

static void fill(int n)
{
	static unsigned char data[50000];
	ssize_t sent;

	do {
		for (size_t k = 0; k < sizeof(data); k++)
			data[k] = (sent_bytes[n] + k) % 251;
		sent = send(ends[n], data, sizeof(data), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent > 0)
			sent_bytes[n] += sent;
	} while (sent > 0);
	victim_check(errno == EAGAIN);
}

static void read_all(int n, size_t expected)
{
	static unsigned char data[100000];
	struct timeval limit = { .tv_sec = 5 };
	size_t got = 0;

	victim_check(!setsockopt(ends[n], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	while (got < expected) {
		ssize_t bytes = recv(ends[n], data, sizeof(data), 0);

		if (bytes <= 0)
			victim_bad("%zu of %zu bytes: errno %d", got, expected, errno);
		for (ssize_t k = 0; k < bytes; k++)
			if (data[k] != (got + k) % 251)
				victim_bad("byte %zu is wrong", got + k);
		got += bytes;
	}
	victim_check(recv(ends[n], data, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
}

static void check(void)
{
	char byte;

	victim_check(recv(ends[1], &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1 && byte == 0);
}

int main(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	victim_check(!bind(listener, (struct sockaddr *)&address, sizeof(address)));
	victim_check(!listen(listener, 1));
	victim_check(!getsockname(listener, (struct sockaddr *)&address, &length));
	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	victim_check(!connect(ends[0], (struct sockaddr *)&address, sizeof(address)));
	ends[1] = accept(listener, NULL, NULL);
	victim_check(ends[1] >= 0);
	close(listener);
	fill(0);
	fill(1);
	victim_ready();
	do
		check();
	while (victim_tick());
	read_all(1, sent_bytes[0]);
	read_all(0, sent_bytes[1]);
	return victim_ok();
}

/*
 * victim: TCP connection that is full in both directions
 * category: sockets
 */
#include <netinet/in.h>
#include <sys/socket.h>

#include "victim.h"

static int ends[2];
static unsigned char next_in[2], next_out[2];
static size_t sent_bytes[2], read_bytes[2];

static void fill(int n)
{
	static unsigned char data[60000];

	for (;;) {
		ssize_t sent;

		for (size_t k = 0; k < sizeof(data); k++)
			data[k] = next_out[n] + k;
		sent = send(ends[n], data, sizeof(data), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0)
			break;
		next_out[n] += sent;
		sent_bytes[n] += sent;
	}
	victim_check(errno == EAGAIN);
}

static void take(int n, size_t most)
{
	static unsigned char data[100000];

	while (most) {
		ssize_t got = recv(ends[n], data, most < sizeof(data) ? most : sizeof(data),
				   MSG_DONTWAIT);

		if (got < 0 && errno == EAGAIN)
			break;
		victim_check(got > 0);
		for (ssize_t k = 0; k < got; k++)
			if (data[k] != next_in[n]++)
				victim_bad("byte %zu of %d is wrong", read_bytes[n] + k, n);
		read_bytes[n] += got;
		most -= got;
	}
}

static void check(void)
{
	take(0, 150000);
	take(1, 150000);
	usleep(2000);
	fill(0);
	fill(1);
}

int main(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	int listener, result;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
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
	result = victim_run(check);
	/* All that was ever sent arrives. */
	for (int n = 0; n < 2000 && (read_bytes[0] < sent_bytes[1] || read_bytes[1] < sent_bytes[0]); n++) {
		take(0, 1 << 20);
		take(1, 1 << 20);
		usleep(1000);
	}
	if (read_bytes[0] != sent_bytes[1] || read_bytes[1] != sent_bytes[0])
		victim_bad("%zu of %zu and %zu of %zu bytes arrived", read_bytes[0], sent_bytes[1],
			   read_bytes[1], sent_bytes[0]);
	return result;
}

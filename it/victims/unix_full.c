/*
 * victim: Unix stream whose buffer is full in both directions
 * category: sockets
 */
#include <fcntl.h>
#include <sys/socket.h>

#include "victim.h"

static int ends[2];
static size_t filled[2];
static unsigned char next_in[2], next_out[2];

static void fill(int n)
{
	unsigned char data[5000];

	for (;;) {
		ssize_t sent;

		for (size_t k = 0; k < sizeof(data); k++)
			data[k] = next_out[n] + k;
		sent = send(ends[n], data, sizeof(data), MSG_DONTWAIT);
		if (sent < 0)
			break;
		next_out[n] += sent;
		filled[n] += sent;
	}
	victim_check(errno == EAGAIN);
}

/* Takes some from each side: the bytes follow each other. */
static void check(void)
{
	unsigned char data[10000];

	for (int n = 0; n < 2; n++) {
		ssize_t got = recv(ends[n], data, sizeof(data), MSG_DONTWAIT);

		victim_check(got > 0);
		for (ssize_t k = 0; k < got; k++)
			victim_check(data[k] == next_in[n]++);
	}
	fill(0);
	fill(1);
}

int main(void)
{
	victim_check(!socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	fill(0);
	fill(1);
	return victim_run(check);
}

/*
 * victim: TCP connections that nobody reads and that are filled again and again
 * category: sockets
 */
#include "stream.h"

#define MOST_CONNECTIONS 8192

/* Sizes of the program's own, small and large; tuned by the kernel, IPv4 and IPv6. */
enum { SIZED, LARGE, TUNED, SIX, KINDS };

static struct stream all[2 * MOST_CONNECTIONS];
static int count = 2 * KINDS, small = 20000;

static void limit(int fd, int bytes)
{
	victim_check(!setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)));
	victim_check(!setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)));
}

static void connect_pair(struct stream *ends, int kind)
{
	struct sockaddr_in6 address = { .sin6_family = kind == SIX ? AF_INET6 : AF_INET };
	socklen_t bytes = sizeof(address);
	int listener = socket(address.sin6_family, SOCK_STREAM, 0);

	victim_check(!listen(listener, 1));
	victim_check(!getsockname(listener, (struct sockaddr *)&address, &bytes));
	ends[0].fd = socket(address.sin6_family, SOCK_STREAM, 0);
	victim_check(!connect(ends[0].fd, (struct sockaddr *)&address, bytes));
	ends[1].fd = stream_accept(listener);
	close(listener);
	for (int n = 0; n < 2 && kind < TUNED; n++)
		limit(ends[n].fd, kind == SIZED ? small : 400000);
}

static void fill(void)
{
	for (int n = 0; n < count; n++)
		stream_send(&all[n], (size_t)1 << 30);
}

int main(int words, char **arguments)
{
	int result;

	if (words > 1) /* so many, of that size; 0: the kernel's */
		count = 2 * atoi(arguments[1]);
	if (words > 2)
		small = atoi(arguments[2]);
	victim_check(count <= 2 * MOST_CONNECTIONS);
	stream_allow_descriptors();
	for (int n = 0; n < count; n += 2)
		connect_pair(&all[n], words == 1 ? n / 2 : small ? SIZED : TUNED);
	fill();
	result = victim_run(fill);
	stream_finish(all, count);
	return result;
}

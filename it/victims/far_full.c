/*
 * victim: TCP between hosts, full in both directions, with a slow reader, closed while full
 * category: across hosts
 * roles: server client
 */
#include "stream.h"

#define EVERYTHING ((size_t)1 << 30) /* as much as there is room for */
#define LAST_BYTES 1200000

/* Sizes of the program's own; tuned by the kernel, IPv6; read slowly; ended by the client. */
enum { SIZED, TUNED, SLOW, OPEN_COUNT, CLOSED = OPEN_COUNT, COUNT };

static struct stream all[COUNT];
static bool server;
static const char *unread; /* until this file is there the tuned one is not read; NULL: it is */

static void limit(int fd, int sends, int reads)
{
	victim_check(!setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sends, sizeof(sends)));
	if (reads)
		victim_check(!setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &reads, sizeof(reads)));
}

/* What the client had sent before it ended its direction. */
static void check_last(void)
{
	static uint8_t data[65536];
	struct stream *s = &all[CLOSED];
	ssize_t n;

	while ((n = recv(s->fd, data, sizeof(data), 0)) > 0)
		for (ssize_t k = 0; k < n; k++, s->read++)
			victim_check(data[k] == (uint8_t)((s->read / 8 + 1) >> (s->read % 8 * 8)));
	if (n || s->read != LAST_BYTES)
		victim_bad("%llu last bytes, %zd, errno %d", (unsigned long long)s->read, n,
			   n ? errno : 0);
}

static void check(void)
{
	for (int n = 0; n < OPEN_COUNT; n++) {
		if (n != TUNED || !unread || !access(unread, F_OK))
			stream_read(&all[n], n == SLOW ? 2000 : 8 << 20);
		stream_send(&all[n], EVERYTHING);
	}
	if (!server)
		victim_check(send(all[CLOSED].fd, "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE);
}

int main(int count, char **arguments)
{
	int result, four = -1, six = -1;

	victim_check(count == 5 || count == 6);
	server = stream_is_server(arguments);
	unread = count > 5 ? arguments[5] : NULL;
	if (server) {
		four = stream_listen(arguments, AF_INET, 0, COUNT);
		six = stream_listen(arguments, AF_INET6, 1, 1);
	}
	for (int n = 0; n < COUNT; n++) {
		if (server)
			all[n].fd = stream_accept(n == TUNED ? six : four);
		else
			all[n].fd = stream_connect(arguments, n == TUNED ? AF_INET6 : AF_INET, n == TUNED);
	}
	limit(all[SIZED].fd, 1 << 16, 1 << 15);
	limit(all[SLOW].fd, 1 << 16, 0);
	limit(all[CLOSED].fd, 1 << 20, 1 << 15);
	if (!server) {
		victim_check(stream_send(&all[CLOSED], LAST_BYTES) == LAST_BYTES);
		victim_check(!shutdown(all[CLOSED].fd, SHUT_WR));
	}
	for (int n = 0; n < OPEN_COUNT; n++)
		stream_send(&all[n], EVERYTHING);
	result = victim_run(check);
	stream_finish(all, OPEN_COUNT);
	if (server)
		check_last();
	return result;
}

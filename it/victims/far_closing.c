/*
 * victim: TCP between hosts, half-closed in either direction, ended with last words, urgent data
 * category: across hosts
 * roles: server client
 */
#include "stream.h"

#define WORDS "last words"

/* Who speaks of the two: the client has ended its direction of the first, the server of the next. */
enum { CLIENT_ENDED, SERVER_ENDED, GONE, URGENT, COUNT };

static int fds[COUNT];
static struct stream back[2];
static bool server;

static void must_be(int fd, int flags, const char *text)
{
	char data[64];
	ssize_t bytes = strlen(text);

	victim_check(recv(fd, data, bytes, flags) == bytes && !memcmp(data, text, bytes));
}

/* One direction has ended, its last words unread; the other goes on. */
static void check(void)
{
	struct stream *speaks = &back[server ? CLIENT_ENDED : SERVER_ENDED];
	struct stream *hears = &back[server ? SERVER_ENDED : CLIENT_ENDED];

	stream_send(speaks, 10000);
	stream_read(hears, 10000);
	must_be(speaks->fd, MSG_PEEK | MSG_DONTWAIT, WORDS);
	victim_check(send(hears->fd, "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE);
	if (server)
		return;
	must_be(fds[GONE], MSG_PEEK | MSG_DONTWAIT, WORDS);
	must_be(fds[URGENT], MSG_PEEK | MSG_DONTWAIT, "before");
}

int main(int count, char **arguments)
{
	int result, listener = -1;
	struct stream *mine, *other;
	char byte;

	victim_check(count == 5);
	server = stream_is_server(arguments);
	if (server)
		listener = stream_listen(arguments, AF_INET, 0, COUNT);
	for (int n = 0; n < COUNT; n++)
		fds[n] = server ? stream_accept(listener) : stream_connect(arguments, AF_INET, 0);
	back[CLIENT_ENDED].fd = fds[CLIENT_ENDED];
	back[SERVER_ENDED].fd = fds[SERVER_ENDED];
	mine = &back[server ? SERVER_ENDED : CLIENT_ENDED];
	other = &back[server ? CLIENT_ENDED : SERVER_ENDED];
	victim_check(send(mine->fd, WORDS, strlen(WORDS), 0) == (ssize_t)strlen(WORDS));
	victim_check(!shutdown(mine->fd, SHUT_WR));
	if (server) {
		victim_check(send(fds[GONE], WORDS, strlen(WORDS), 0) == (ssize_t)strlen(WORDS));
		close(fds[GONE]);
		victim_check(send(fds[URGENT], "before", 6, 0) == 6);
		victim_check(send(fds[URGENT], "!", 1, MSG_OOB) == 1);
		victim_check(send(fds[URGENT], "behind", 6, 0) == 6);
	} else {
		must_be(fds[GONE], MSG_PEEK | MSG_WAITALL, WORDS);
		must_be(fds[URGENT], MSG_PEEK | MSG_WAITALL, "before");
	}
	must_be(other->fd, MSG_PEEK | MSG_WAITALL, WORDS);
	result = victim_run(check);
	must_be(other->fd, MSG_WAITALL, WORDS);
	victim_check(recv(other->fd, &byte, 1, 0) == 0);
	while (other->sent % 8)
		stream_send(other, 8 - other->sent % 8);
	victim_check(send(other->fd, &(uint64_t){ 0 }, 8, 0) == 8 && !shutdown(other->fd, SHUT_WR));
	for (int n = 0; !mine->ended && n < 30000; n++) {
		stream_read(mine, 1 << 20);
		usleep(1000);
	}
	victim_check(mine->ended);
	if (!server) {
		must_be(fds[GONE], MSG_WAITALL, WORDS);
		victim_check(recv(fds[GONE], &byte, 1, 0) == 0);
		must_be(fds[URGENT], MSG_WAITALL, "before");
		victim_check(recv(fds[URGENT], &byte, 1, MSG_OOB) == 1 && byte == '!');
		must_be(fds[URGENT], MSG_WAITALL, "behind");
	}
	return result;
}

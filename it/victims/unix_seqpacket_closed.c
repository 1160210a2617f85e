/*
 * victim: messages, one of them empty, that a peer left in a sequenced socket before it was closed
 * category: sockets
 */
#include <sys/socket.h>

#include "victim.h"

static int end;

static void take(const char *expected)
{
	char data[8] = "";

	victim_check(recv(end, data, sizeof(data), MSG_DONTWAIT) == (ssize_t)strlen(expected));
	victim_check(!strcmp(data, expected));
}

static void check(void)
{
	char data[8];

	victim_check(recv(end, data, sizeof(data), MSG_PEEK | MSG_DONTWAIT) == 3);
	victim_check(send(end, "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE);
}

int main(void)
{
	int pair[2], result;

	victim_check(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
	victim_check(send(pair[0], "one", 3, 0) == 3 && send(pair[0], "", 0, 0) == 0);
	victim_check(send(pair[0], "two", 3, 0) == 3);
	close(pair[0]);
	end = pair[1];
	result = victim_run(check);
	take("one");
	take("");
	take("two");
	take(""); /* the end */
	take("");
	return result;
}

/*
 * victim: TCP urgent data in the middle of a queue, out of band and inline
 * category: sockets
 */
#include <netinet/in.h>
#include <sys/socket.h>

#include "victim.h"

static int apart[2], in_line[2];

static void expect(int fd, const char *text, int flags)
{
	char data[64];
	ssize_t n = recv(fd, data, sizeof(data), MSG_DONTWAIT | flags);

	if (n != (ssize_t)strlen(text) || memcmp(data, text, n))
		victim_bad("%.*s instead of %s (errno %d)", n > 0 ? (int)n : 0, data, text, errno);
}

static void say(int fd)
{
	victim_check(send(fd, "before", 6, 0) == 6 && send(fd, "U", 1, MSG_OOB) == 1);
	victim_check(send(fd, "behind", 6, 0) == 6);
	usleep(2000);
}

static void check(void)
{
	victim_check(sockatmark(apart[1]) == 0);
	expect(apart[1], "U", MSG_OOB);
	expect(apart[1], "before", 0);
	victim_check(sockatmark(apart[1]) == 1);
	expect(apart[1], "behind", 0);
	expect(in_line[1], "before", 0);
	victim_check(sockatmark(in_line[1]) == 1);
	expect(in_line[1], "Ubehind", 0);
	say(apart[0]);
	say(in_line[0]);
}

int main(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	victim_check(!bind(listener, (struct sockaddr *)&address, sizeof(address)));
	victim_check(!listen(listener, 2));
	victim_check(!getsockname(listener, (struct sockaddr *)&address, &length));
	apart[0] = socket(AF_INET, SOCK_STREAM, 0);
	in_line[0] = socket(AF_INET, SOCK_STREAM, 0);
	victim_check(!connect(apart[0], (struct sockaddr *)&address, sizeof(address)));
	apart[1] = accept(listener, NULL, NULL);
	victim_check(!connect(in_line[0], (struct sockaddr *)&address, sizeof(address)));
	in_line[1] = accept(listener, NULL, NULL);
	victim_check(apart[1] >= 0 && in_line[1] >= 0);
	victim_check(!setsockopt(in_line[1], SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)));
	close(listener);
	say(apart[0]);
	say(in_line[0]);
	return victim_run(check);
}

/*
 * victim: servers that take a moment to accept clients, which speak at once
 * category: sockets
 */
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "family.h"

#define MOMENT_MS 5

static struct sockaddr_un path = { .sun_family = AF_UNIX, .sun_path = "server" };
static struct sockaddr_in port = { .sin_family = AF_INET };
static int listeners[2];

static void serve(int which)
{
	while (!family->quit && getppid() == family->root) {
		char data[16] = "";
		int fd;

		family_pause(MOMENT_MS);
		fd = accept(listeners[which], NULL, NULL);
		if (fd < 0 || recv(fd, data, 5, MSG_WAITALL) != 5 || strcmp(data, "hello") ||
		    send(fd, "world", 5, MSG_NOSIGNAL) != 5) {
			snprintf(family->error, sizeof(family->error), "server %d: %s", which,
				 strerror(errno));
			break;
		}
		close(fd);
	}
	_exit(0);
}

static void ask(int which)
{
	int fd = socket(which ? AF_INET : AF_UNIX, SOCK_STREAM, 0);
	const struct linger reset = { .l_onoff = 1 };
	char data[16] = "";

	/* No port stays in use: there are too many clients. */
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (connect(fd, which ? (void *)&port : (void *)&path,
		    which ? sizeof(port) : sizeof(path)) ||
	    send(fd, "hello", 5, MSG_NOSIGNAL) != 5 || recv(fd, data, 5, MSG_WAITALL) != 5 ||
	    strcmp(data, "world"))
		snprintf(family->error, sizeof(family->error), "client %d: %s", which,
			 strerror(errno));
	close(fd);
}

static void live_as_client(int which)
{
	struct family_member *m = family_join();

	/* Its server may end before it has taken this one. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		ask(which);
		if (!family_beat(m, NULL))
			break;
	}
	_exit(0);
}

int main(void)
{
	socklen_t length = sizeof(port);

	family_start();
	listeners[0] = socket(AF_UNIX, SOCK_STREAM, 0);
	listeners[1] = socket(AF_INET, SOCK_STREAM, 0);
	port.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	victim_check(!bind(listeners[0], (struct sockaddr *)&path, sizeof(path)));
	victim_check(!bind(listeners[1], (struct sockaddr *)&port, sizeof(port)));
	victim_check(!getsockname(listeners[1], (struct sockaddr *)&port, &length));
	for (int which = 0; which < 2; which++) {
		victim_check(!listen(listeners[which], 5));
		if (!fork()) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			serve(which);
		}
		if (!fork())
			live_as_client(which);
	}
	family_await(2);
	return family_run(NULL);
}

/*
 * Clients that could not come back to their server's queue: the checkpoint is refused, and they
 * still have their connections and all that they have sent.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define CLIENTS 4
#define CROWD 120
#define MUCH (8 << 20) /* more than the queue of a server holds before it accepts */

static char engine[PATH_MAX];
static struct rlimit engine_files = { RLIM_INFINITY, RLIM_INFINITY };
static char directory[] = "/tmp/backlog-test-XXXXXX";

union name {
	struct sockaddr any;
	struct sockaddr_in tcp;
	struct sockaddr_un local;
};

static int listen_as(int family, union name *name, socklen_t *length)
{
	int fd = socket(family, SOCK_STREAM, 0);

	memset(name, 0, sizeof(*name));
	name->any.sa_family = family;
	*length = family == AF_UNIX ? offsetof(struct sockaddr_un, sun_path) : sizeof(name->tcp);
	if (family == AF_INET)
		name->tcp.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	/* Without a path the kernel chooses one: unix(7), autobind. */
	if (fd < 0 || bind(fd, &name->any, *length) || listen(fd, CLIENTS))
		_exit(2);
	*length = sizeof(*name);
	return getsockname(fd, &name->any, length) ? -1 : fd;
}

static void await_parent(int ready, int go)
{
	char byte;

	if (write(ready, "r", 1) != 1 || read(go, &byte, 1) != 1)
		_exit(2);
}

/* The server lets fewer wait than wait already. */
static int lowers(int family, int ready, int go)
{
	union name name;
	socklen_t length;
	int listener = listen_as(family, &name, &length), clients[CLIENTS];

	for (int n = 0; n < CLIENTS; n++) {
		clients[n] = socket(family, SOCK_STREAM, 0);
		if (connect(clients[n], &name.any, length) || send(clients[n], "hello", 5, 0) != 5)
			return 2;
	}
	if (listen(listener, 1))
		return 2;
	await_parent(ready, go);
	fcntl(listener, F_SETFL, O_NONBLOCK);
	for (int n = 0; n < CLIENTS; n++) {
		char text[8];
		int fd = accept(listener, NULL, NULL);

		if (fd < 0 || recv(fd, text, sizeof(text), MSG_DONTWAIT) != 5)
			return 1;
	}
	return 0;
}

/* The client has sent more than the server's queue holds. */
static int sends_much(int family, int ready, int go)
{
	union name name;
	socklen_t length;
	int listener = listen_as(family, &name, &length);
	int client = socket(family, SOCK_STREAM, 0), fd;
	uint8_t *data = malloc(MUCH), *got = malloc(MUCH);
	ssize_t sent, n;
	size_t bytes = 0;

	for (size_t i = 0; i < MUCH; i++)
		data[i] = i * 7 + i / 251;
	if (connect(client, &name.any, length))
		return 2;
	sent = send(client, data, MUCH, MSG_DONTWAIT);
	if (sent <= 1 << 18)
		return 2;
	await_parent(ready, go);
	fd = accept(listener, NULL, NULL);
	shutdown(client, SHUT_WR);
	while ((n = read(fd, got + bytes, MUCH - bytes)) > 0)
		bytes += n;
	return n || bytes != (size_t)sent || memcmp(data, got, sent);
}

/* More than the engine can have open. */
static int crowds(int family, int ready, int go)
{
	union name name;
	socklen_t length;
	int listener = listen_as(family, &name, &length);

	if (listen(listener, CROWD))
		return 2;
	for (int n = 0; n < CROWD; n++) {
		int client = socket(family, SOCK_STREAM, 0);

		if (connect(client, &name.any, length) || send(client, "hello", 5, 0) != 5)
			return 2;
	}
	await_parent(ready, go);
	fcntl(listener, F_SETFL, O_NONBLOCK);
	for (int n = 0; n < CROWD; n++) {
		char text[8];
		int fd = accept(listener, NULL, NULL);

		if (fd < 0 || recv(fd, text, sizeof(text), MSG_DONTWAIT) != 5)
			return 1;
	}
	return 0;
}

/* What lies behind urgent data cannot be looked at. */
static int sends_urgent(int family, int ready, int go)
{
	union name name;
	socklen_t length;
	int listener = listen_as(family, &name, &length), client = socket(family, SOCK_STREAM, 0), fd;
	char text[8];

	if (connect(client, &name.any, length) || send(client, "abc", 3, 0) != 3 ||
	    send(client, "X", 1, MSG_OOB) != 1 || send(client, "defgh", 5, 0) != 5)
		return 2;
	await_parent(ready, go);
	fd = accept(listener, NULL, NULL);
	if (recv(fd, text, sizeof(text), 0) != 3 || memcmp(text, "abc", 3) ||
	    recv(fd, text, 1, MSG_OOB) != 1 || *text != 'X')
		return 1;
	return recv(fd, text, sizeof(text), 0) != 5 || memcmp(text, "defgh", 5);
}

/* Since Linux 5.15. */
static bool unix_has_urgent(void)
{
	int ends[2];

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
	return send(ends[0], "x", 1, MSG_OOB) == 1;
}

/* What it says, into @text; its status. */
static int checkpoint(pid_t pid, char *text, size_t room)
{
	int out[2], status;
	char number[16];
	size_t bytes = 0;
	ssize_t n;
	pid_t child;

	snprintf(number, sizeof(number), "%d", pid);
	CHECK(!pipe2(out, O_CLOEXEC));
	child = fork();
	if (!child) {
		dup2(out[1], 1);
		dup2(out[1], 2);
		if (engine_files.rlim_cur != RLIM_INFINITY)
			setrlimit(RLIMIT_NOFILE, &engine_files);
		execl(engine, engine, "--checkpoint", number, "--dir", directory, NULL);
		_exit(127);
	}
	close(out[1]);
	while ((n = read(out[0], text + bytes, room - 1 - bytes)) > 0)
		bytes += n;
	text[bytes] = 0;
	close(out[0]);
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void is_refused(int (*program)(int family, int ready, int go), int family, const char *why)
{
	int ready[2], go[2], status;
	struct pollfd wait;
	char text[4096], byte;
	pid_t pid;

	CHECK(!pipe2(ready, O_CLOEXEC) && !pipe2(go, O_CLOEXEC));
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(60);
		close(ready[0]);
		close(go[1]);
		_exit(program(family, ready[1], go[0]));
	}
	close(ready[1]);
	close(go[0]);
	wait = (struct pollfd){ .fd = ready[0], .events = POLLIN };
	CHECK(poll(&wait, 1, 20000) == 1 && read(ready[0], &byte, 1) == 1, "not ready");
	CHECK(checkpoint(pid, text, sizeof(text)), "it was captured: %s", text);
	CHECK(strstr(text, "socket-not-accepted") && strstr(text, why), "%s", text);
	CHECK(write(go[1], "g", 1) == 1);
	CHECK(waitpid(pid, &status, 0) == pid && !status, "the program was harmed: %#x", status);
	close(ready[0]);
	close(go[1]);
}

int main(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : getenv("DMTCP_ENGINE");

	CHECK(path && realpath(path, engine), "the engine's path is missing");
	CHECK(mkdtemp(directory));
	is_refused(sends_much, AF_INET, "more than the server's queue holds");
	is_refused(lowers, AF_INET, "lets fewer wait now");
	is_refused(lowers, AF_UNIX, "lets fewer wait now");
	is_refused(sends_urgent, AF_INET, "urgent data");
	if (unix_has_urgent())
		is_refused(sends_urgent, AF_UNIX, "urgent data");
	engine_files = (struct rlimit){ CROWD + 8, CROWD + 8 };
	is_refused(crowds, AF_UNIX, "Too many open files");
	CHECK(!rmdir(directory));
	puts("ok");
	return 0;
}

/*
 * victim: Unix server with a path: listening, connected clients, names of both sides
 * category: sockets
 */
#include <fcntl.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "victim.h"

static int listener, client, accepted, abstract, deleted_client, deleted_accepted, deleted;

static int connect_path(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int listen_path(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, path);
	victim_check(!bind(fd, (struct sockaddr *)&address, sizeof(address)) && !listen(fd, 5));
	return fd;
}

static void talk(int a, int b)
{
	char byte = 0;

	victim_check(send(a, "x", 1, 0) == 1 && recv(b, &byte, 1, MSG_DONTWAIT) == 1 && byte == 'x');
}

static void expect_name(int fd, bool own, const char *name)
{
	struct sockaddr_un address = { 0 };
	socklen_t length = sizeof(address);

	victim_check(!(own ? getsockname : getpeername)(fd, (struct sockaddr *)&address, &length));
	if (!name)
		victim_check(length == offsetof(struct sockaddr_un, sun_path));
	else
		victim_check(!strcmp(address.sun_path, name));
}

static void check(void)
{
	int fresh, served;

	talk(client, accepted);
	talk(accepted, client);
	talk(deleted_client, deleted_accepted);
	expect_name(accepted, true, "server");
	expect_name(client, false, "server");
	expect_name(client, true, NULL);
	expect_name(deleted_accepted, true, "gone");
	victim_check(access("gone", F_OK) && errno == ENOENT);
	/* Newcomers are served as before. */
	fresh = connect_path("server");
	victim_check(fresh >= 0);
	served = accept(listener, NULL, NULL);
	victim_check(served >= 0);
	talk(fresh, served);
	close(fresh);
	close(served);
	expect_name(deleted, true, "gone");
	victim_check(fcntl(abstract, F_GETFD) == 0);
}

int main(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	listener = listen_path("server");
	client = connect_path("server");
	accepted = accept(listener, NULL, NULL);
	victim_check(client >= 0 && accepted >= 0 && !fcntl(listener, F_SETFL, O_NONBLOCK));
	deleted = listen_path("gone");
	deleted_client = connect_path("gone");
	deleted_accepted = accept(deleted, NULL, NULL);
	victim_check(deleted_accepted >= 0 && !unlink("gone"));
	abstract = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(address.sun_path + 1, 60, "victim-%d-%ld", getpid(), (long)time(NULL));
	victim_check(!bind(abstract, (struct sockaddr *)&address, sizeof(address)));
	victim_check(!listen(abstract, 1));
	return victim_run(check);
}

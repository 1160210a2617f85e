#include "unix_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "impersonate.h"

struct socket_call {
	int fd, type, backlog, ends[2];
	struct sockaddr_un address;
	socklen_t length;
};

static int do_listen(void *argument)
{
	struct socket_call *c = argument;

	return listen(c->fd, c->backlog) ? -errno : 0;
}

static int do_connect(void *argument)
{
	struct socket_call *c = argument;

	return connect(c->fd, (struct sockaddr *)&c->address, c->length) ? -errno : 0;
}

/* The numbers come back by dup2: memory is not shared. */
static int do_pair(void *argument)
{
	struct socket_call *c = argument;
	int ends[2];

	if (socketpair(AF_UNIX, c->type | SOCK_CLOEXEC, 0, ends))
		return -errno;
	if (dup3(ends[0], c->ends[0], O_CLOEXEC) < 0 || dup3(ends[1], c->ends[1], O_CLOEXEC) < 0)
		return -errno;
	close(ends[0]);
	close(ends[1]);
	return 0;
}

/* As whom the sockets of @u have to be made so that their peers see him. */
static int call_as(const struct unix_payload *u, int (*work)(void *), struct socket_call *c)
{
	if (!u)
		return work(c);
	return impersonate(u->peer_pid, u->peer_uid, u->peer_gid, work, c);
}

int unix_listen_as(const struct unix_payload *u, int fd, int backlog)
{
	struct socket_call c = { .fd = fd, .backlog = backlog };

	return call_as(u, do_listen, &c);
}

int unix_pair_as(const struct unix_payload *u, int ends[2])
{
	struct socket_call c = { .type = u->type };
	int ret;

	ends[0] = open("/", O_PATH | O_CLOEXEC);
	ends[1] = open("/", O_PATH | O_CLOEXEC);
	memcpy(c.ends, ends, sizeof(c.ends));
	ret = ends[0] < 0 || ends[1] < 0 ? -EMFILE : call_as(u, do_pair, &c);
	for (int n = 0; n < 2 && ret; n++)
		if (ends[n] >= 0)
			close(ends[n]);
	return ret;
}

int unix_connect_as(const struct unix_payload *u, int fd, const struct sockaddr_un *address,
		    socklen_t length)
{
	struct socket_call c = { .fd = fd, .address = *address, .length = length };

	return call_as(u, do_connect, &c);
}

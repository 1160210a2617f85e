#include "linger.h"

#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

struct end_point {
	struct in6_addr address; /* IPv4 ones mapped */
	in_port_t port;
};

struct connection {
	struct end_point ends[2]; /* local, remote */
	int fd;
};

struct connections {
	struct connection *list;
	size_t count, capacity;
};

static struct end_point plain(const struct sockaddr_storage *a)
{
	struct end_point e;

	memset(&e, 0, sizeof(e));
	if (a->ss_family == AF_INET6) {
		e.address = ((const struct sockaddr_in6 *)a)->sin6_addr;
		e.port = ((const struct sockaddr_in6 *)a)->sin6_port;
	} else {
		e.address.s6_addr[10] = e.address.s6_addr[11] = 0xff;
		memcpy(&e.address.s6_addr[12], &((const struct sockaddr_in *)a)->sin_addr, 4);
		e.port = ((const struct sockaddr_in *)a)->sin_port;
	}
	return e;
}

static bool read_connection(struct connection *c, int fd)
{
	struct sockaddr_storage local, remote;
	socklen_t protocol_bytes = sizeof(int), local_bytes = sizeof(local);
	socklen_t remote_bytes = sizeof(remote);
	int protocol;

	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &protocol_bytes) ||
	    protocol != IPPROTO_TCP || getsockname(fd, (struct sockaddr *)&local, &local_bytes) ||
	    getpeername(fd, (struct sockaddr *)&remote, &remote_bytes) ||
	    (local.ss_family != AF_INET && local.ss_family != AF_INET6))
		return false;
	memset(c, 0, sizeof(*c));
	c->ends[0] = plain(&local);
	c->ends[1] = plain(&remote);
	c->fd = fd;
	return true;
}

/* Takes over @fd. */
static void add(struct connections *all, int fd)
{
	struct connection *more;

	if (all->count == all->capacity) {
		size_t room = all->capacity ? 2 * all->capacity : 64;

		more = realloc(all->list, room * sizeof(*more));
		if (!more) {
			close(fd);
			return;
		}
		all->list = more;
		all->capacity = room;
	}
	if (read_connection(&all->list[all->count], fd))
		all->count++;
	else
		close(fd);
}

static void collect(struct connections *all, const struct process *p)
{
	int directory = openat(p->proc_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = directory < 0 ? NULL : fdopendir(directory);
	const struct dirent *entry;

	if (!d) {
		if (directory >= 0)
			close(directory);
		return;
	}
	while ((entry = readdir(d))) {
		char link[16];
		int fd;

		if (readlinkat(directory, entry->d_name, link, sizeof(link)) < 8 ||
		    memcmp(link, "socket:[", 8))
			continue;
		fd = syscall(SYS_pidfd_getfd, p->pidfd, atoi(entry->d_name), 0);
		if (fd >= 0)
			add(all, fd);
	}
	closedir(d);
}

static int compare(const void *a, const void *b)
{
	return memcmp(((const struct connection *)a)->ends, ((const struct connection *)b)->ends,
		      sizeof(((const struct connection *)a)->ends));
}

void reset_connections_between(struct process **processes, size_t count)
{
	const struct linger reset = { .l_onoff = 1 };
	struct connections all = { 0 };

	for (size_t i = 0; i < count; i++)
		if (!processes[i]->zombie)
			collect(&all, processes[i]);
	if (all.count)
		qsort(all.list, all.count, sizeof(*all.list), compare);
	for (size_t i = 0; i < all.count; i++) {
		struct connection mirror;

		memset(&mirror, 0, sizeof(mirror));
		mirror.ends[0] = all.list[i].ends[1];
		mirror.ends[1] = all.list[i].ends[0];
		if (bsearch(&mirror, all.list, all.count, sizeof(*all.list), compare))
			setsockopt(all.list[i].fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	}
	for (size_t i = 0; i < all.count; i++)
		close(all.list[i].fd);
	free(all.list);
}

#include "linger.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../descriptor/inet_drain.h"
#include "../descriptor/inet_table.h"

static bool is_tcp(int fd)
{
	socklen_t length = sizeof(int);
	int protocol, domain;

	return !getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) &&
		!getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) &&
		protocol == IPPROTO_TCP && (domain == AF_INET || domain == AF_INET6);
}

static int collect(struct inet_table *t, const struct process *p)
{
	int directory = openat(p->proc_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret = 0;
	DIR *d = directory < 0 ? NULL : fdopendir(directory);
	const struct dirent *entry;

	if (!d) {
		if (directory >= 0)
			close(directory);
		return 0;
	}
	while (!ret && (entry = readdir(d))) {
		struct stat status;
		char link[16];
		int fd;

		if (readlinkat(directory, entry->d_name, link, sizeof(link)) < 8 ||
		    memcmp(link, "socket:[", 8))
			continue;
		fd = syscall(SYS_pidfd_getfd, p->pidfd, atoi(entry->d_name), 0);
		if (fd < 0)
			continue;
		if (is_tcp(fd) && !fstat(fd, &status))
			ret = inet_table_add(t, fd, status.st_ino, NULL);
		else
			close(fd);
	}
	closedir(d);
	return ret;
}

void reset_connections_between(struct process **processes, size_t count,
			       const struct inet_remote *remotes, size_t remote_count)
{
	struct inet_table *t = calloc(1, sizeof(*t));
	int ret = t ? 0 : -ENOMEM;

	for (size_t i = 0; !ret && i < count; i++)
		if (!processes[i]->zombie)
			ret = collect(t, processes[i]);
	if (!ret && !inet_table_pair(t)) {
		inet_table_mark_remotes(t, remotes, remote_count);
		inet_set_linger(t);
	}
	inet_table_free(t);
}

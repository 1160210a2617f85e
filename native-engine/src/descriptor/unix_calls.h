/*
 * listen(2), connect(2) and socketpair(2) on Unix sockets: the kernel remembers who made them, for
 * SO_PEERCRED of the other end. 0 or -errno.
 */
#ifndef UNIX_CALLS_H
#define UNIX_CALLS_H

#include <sys/socket.h>
#include <sys/un.h>

#include "unix_socket.h"

/* @u: the listening socket, which tells of itself. */
int unix_listen_as(const struct unix_payload *u, int fd, int backlog);
/* @u: the socket that will be the peer; NULL: nobody will ask. */
int unix_connect_as(const struct unix_payload *u, int fd, const struct sockaddr_un *address,
		    socklen_t length);
/* Two connected sockets of the type of @u, which is one of them. */
int unix_pair_as(const struct unix_payload *u, int ends[2]);

#endif

/*
 * Multicast groups that a socket has joined. The kernel lists groups by interface only, but answers
 * for a socket that asks for the filter of one: those of all interfaces are asked for.
 */
#ifndef MULTICAST_H
#define MULTICAST_H

#include <sys/types.h>

#include "socket_options.h"

#define MULTICAST_LEVEL (-1) /* struct socket_option.level, part of the image format */

enum multicast_option { /* struct socket_option.name, part of the image format */
	MULTICAST_INTERFACE = 1, /* name of the interface that the next ones are about */
	MULTICAST_JOIN = 2,      /* group, with all sources */
	MULTICAST_GROUP = 3,     /* group, for the next ones */
	MULTICAST_SOURCE = 4,    /* join the group for this source */
	MULTICAST_BLOCK = 5,     /* not this source */
};

/* Appends the groups of @fd, our duplicate of a socket of @pid; returns how many options. */
uint32_t multicast_capture(pid_t pid, int fd, int family, struct buffer *out);

struct multicast_place { /* zeroed before the first option */
	unsigned int interface;
	uint8_t group[16];
};

/* Does what @o says; what this host does not have stays as it is. */
void multicast_restore(int fd, const struct socket_option *o, struct multicast_place *place);

#endif

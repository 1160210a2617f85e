/* Where a socket is bound on a host that has not the address of before. */
#ifndef INET_PLACE_H
#define INET_PLACE_H

#include "inet_address.h"

/*
 * Binds @fd to the address and port of @a; where this host has no such address, to the one of its
 * own that is most like it (same kind, longest common prefix), at the same port: never to all.
 * -EADDRNOTAVAIL: it has none of that kind; or bind(2)'s error.
 */
int inet_bind_here(int fd, const struct inet_address *a);

#endif

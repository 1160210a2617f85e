/* How programs of several hosts find each other at a restart: ports and addresses in words. */
#ifndef REACH_H
#define REACH_H

#include "../descriptor/inet_socket.h"

int reach_bind(int fd, int family, in_port_t port);
/* The addresses of this host, as words; the loopback ones for a second dmtcp_restart here. */
void reach_addresses(char *out, size_t bytes, bool six_only);
/*
 * A socket as @v, connected to the first of @words that answers: `PORT ADDRESS...`. From the old
 * port, and to an address of the old kind, if that can be had. Non-blocking; or -errno.
 */
int reach_connect(const struct inet_view *v, const char *words);

#endif

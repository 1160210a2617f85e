/* How programs of several hosts find each other at a restart: ports and addresses in words. */
#ifndef REACH_H
#define REACH_H

#include "../descriptor/inet_socket.h"

int reach_bind(int fd, int family, in_port_t port);
/* The addresses of this host, as words; the loopback ones for a second dmtcp_restart here. */
void reach_addresses(char *out, size_t bytes, bool six_only);
struct reach_call {
	const struct inet_view *view;
	const char *words; /* `PORT ADDRESS...` */
	int fd;            /* non-blocking; or -errno */
	/* At once when it is, on a thread of its own; NULL: nobody waits for that. */
	void (*connected)(void *context, int fd);
	void *context;
};

/*
 * A socket as the view of each, connected to the first of its words that answers: from the old port,
 * and to an address of the old kind, if that can be had. All at once, for 30 s at most.
 */
void reach_connect(struct reach_call *calls, size_t count);

#endif

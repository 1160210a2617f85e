/* Clients in a TCP listener's queue, which no program has accepted; those that want to get there. */
#ifndef INET_WAITING_H
#define INET_WAITING_H

#include "inet_table.h"

struct inet_pair { /* the addresses of a connection */
	struct inet_address own, far;
};

/* *@clients is the caller's. The kernel tells no more of them, not what they have sent. */
size_t inet_waiting_clients(const struct inet_info *listener, struct inet_pair **clients);
/* Where the client @s wants to, whose connection has not been answered yet; without bytes: unknown. */
void inet_connecting_to(const struct inet_info *s, struct inet_address *far);

#endif

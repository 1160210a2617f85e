/* A TCP connection of a member to a member on another host: what the coordinator's match tells. */
#ifndef INET_REMOTE_H
#define INET_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

struct inet_remote {
	uint64_t key;        /* inode of the socket, or of the listener that a client waits at */
	uint64_t connection; /* the same number at both ends, not 0 */
	bool acceptor;       /* this end waits for the other one at a restart */
	bool waits;          /* this end does: no program has accepted it */
	int32_t peer_unsent; /* bytes that it held when all were frozen */
};

#endif

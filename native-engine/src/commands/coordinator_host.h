/* Which host is meant by the name of a coordinator's. */
#ifndef COORDINATOR_HOST_H
#define COORDINATOR_HOST_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Is @host, in any of its spellings, the one that we are on? If it is not, @key names it in the same
 * way for all names of one address: the lowest address, IPv4 before IPv6; for a name that nobody
 * knows the name itself. A host may have several keys: the agent joins them (AgentSocket.java).
 * Only a name that is not obviously ours is looked up, within the limits of the resolver.
 */
bool coordinator_host_here(const char *host, char *key, size_t bytes);

#endif

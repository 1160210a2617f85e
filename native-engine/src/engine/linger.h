/* Connections between processes that are about to be ended leave no TIME_WAIT behind. */
#ifndef LINGER_H
#define LINGER_H

#include "../descriptor/inet_remote.h"
#include "../trace/process.h"

/*
 * Of every TCP connection whose two ends are among the @count frozen processes, both ends are to be
 * reset when they are closed (SO_LINGER of 0, engine-facts 12.5): a restart that follows at once
 * binds the same ports. The same holds for @remotes, those to members of other hosts.
 * Connections with others end as the kernel ends them. What cannot be looked at is left as it is.
 */
void reset_connections_between(struct process **processes, size_t count,
			       const struct inet_remote *remotes, size_t remote_count);

#endif

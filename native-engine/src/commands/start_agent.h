/* The agent that stands for a coordinator of another host. */
#ifndef START_AGENT_H
#define START_AGENT_H

#include "start_coordinator.h"

/*
 * Connects to this host's agent of the coordinator at @address, which is started when there is
 * none. Fault coordinator-start or coordinator-unreachable.
 */
int agent_reach(const struct coordinator_choice *choice, const struct coordinator_address *address,
		struct local_client **out, struct fault *fault);

#endif

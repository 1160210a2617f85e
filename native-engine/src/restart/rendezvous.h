/*
 * TCP connections to members that are restarted by another dmtcp_restart, on another host or on
 * this one: made anew before the processes exist. docs/restart-connections.md.
 *
 * By the front; what came of it goes to the builder: descriptor/inet_met.h.
 */
#ifndef RENDEZVOUS_H
#define RENDEZVOUS_H

#include "coordinator_link.h"

struct rendezvous {
	int *fds; /* connected, and the table last: for the builder */
	size_t count;
};

/*
 * Connects all that the images of @set ask for, and exchanges what was queued. Waits for the other
 * side as long as the coordinator's restart goes on; what does not come is not in the result.
 */
int rendezvous_meet(struct rendezvous *r, const struct image_set *set,
		    struct coordinator_link *link, struct fault *fault);
void rendezvous_close(struct rendezvous *r);

#endif

/*
 * Clients that no program had accepted, whose listener was on another host: connected to it again
 * before the processes exist, docs/restart-connections.md.
 */
#ifndef WAITING_ROOM_H
#define WAITING_ROOM_H

#include "coordinator_link.h"
#include "meeting.h"

/*
 * Opens the listeners that clients of other hosts waited at, and connects the clients of ours to
 * theirs. Adds both to *@all, met, under the numbers of their connections; a listener under
 * that of its first one. What does not come is not added.
 */
int waiting_room_meet(const struct image_set *set, struct coordinator_link *link,
		      struct meeting **all, size_t *count, size_t *capacity,
		      struct fault *fault);

#endif

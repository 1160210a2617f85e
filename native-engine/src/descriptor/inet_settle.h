/*
 * TCP sockets of running programs whose receive buffer a round has enlarged: put back as soon as the
 * sender has used what it was offered. In one that stays large a sender that never rests fills what
 * is left, and with every round there is more to make room for.
 */
#ifndef INET_SETTLE_H
#define INET_SETTLE_H

#include <stddef.h>

#include "inet_table.h"

struct unsettled {
	pid_t pid;
	int number; /* of the descriptor */
	uint64_t inode;
	struct inet_room room;
	uint64_t interval_ns, next_ns; /* CLOCK_MONOTONIC */
};

struct inet_settling {
	struct unsettled *all;
	size_t count, capacity;
};

/* @s with its room; without memory it stays enlarged. */
void inet_settling_add(struct inet_settling *l, const struct inet_info *s);
/* A new round takes over those of @t: what was there before the first one. */
void inet_settling_take(struct inet_settling *l, struct inet_table *t);
/* Looks at those that are due. Not while their processes stand still. */
void inet_settling_turn(struct inet_settling *l);
/* When the next one is due; UINT64_MAX: none is left. */
uint64_t inet_settling_next(const struct inet_settling *l);
void inet_settling_free(struct inet_settling *l);

#endif

/* Which processes of this host belong to a computation. */
#ifndef SCAN_H
#define SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../common/fault.h"
#include "strangers.h"

struct process_key {
	pid_t pid;
	uint64_t start_ticks; /* pids are recycled: field 22 of /proc/PID/stat is part of the name */
};

struct process_keys {
	struct process_key *keys;
	size_t count, capacity;
};

int process_keys_add(struct process_keys *l, pid_t pid, uint64_t start_ticks);
bool process_keys_contain(const struct process_keys *l, pid_t pid, uint64_t start_ticks);
void process_keys_free(struct process_keys *l);

struct scan_request {
	char computation_id[64];         /* "": no look for the environment marker */
	unsigned int coordinator_port;   /* what marked processes must name too; 0: any */
	struct process_keys roots;       /* themselves and all their descendants */
	bool alone;                      /* the roots only, without descendants */
	struct process_keys namespaces;  /* first processes of pid namespaces: only their descendants */
	const struct process_keys *skip; /* never members, nor looked at: snapshots. May be NULL */
	struct strangers *strangers;     /* told apart by an earlier pass; NULL: there is none */
};

void scan_request_free(struct scan_request *r);

/*
 * Appends all members to @out, every parent before its children. Gone roots are no failure.
 * The engine, its parent and placeholders of a restored tree are no members. -ENOMEM.
 */
int scan_members(const struct scan_request *r, struct process_keys *out, struct fault *fault);

#endif

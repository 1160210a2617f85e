/*
 * Which computation a process belongs to, as a number that children inherit, that exec(2) keeps, and
 * that everybody may read: the soft RLIMIT_RSS, which Linux does not enforce (getrlimit(2)), shown
 * in /proc/PID/stat. A daemon that has left the tree and overwritten its environment, as
 * setproctitle() does, is known by it, and so is one whose /proc/PID/environ may not be read.
 */
#ifndef MEMBERSHIP_H
#define MEMBERSHIP_H

#include <stdbool.h>
#include <stdint.h>

/* The name (comm) of a restart's process 1 and of its placeholders, which are no members. */
#define HOLDER_NAME "dmtcp_holder"

/* Marks this process, unless the user has set a limit of his own. */
void membership_set(const char *computation_id, unsigned int port);
/* This process is no member, for the next exec(2). */
void membership_clear(void);
/* Is @limit the mark of that computation? @port 0: with any coordinator. */
bool membership_matches(uint64_t limit, const char *computation_id, unsigned int port);

#endif

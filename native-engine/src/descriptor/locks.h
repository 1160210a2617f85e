/* File locks: flock, POSIX and OFD record locks, leases. */
#ifndef LOCKS_H
#define LOCKS_H

#include "descriptor.h"

/* Appends a RECORD_LOCK for every lock in @d's fdinfo that belongs to this process or file. */
void locks_capture(struct capture *c, const struct descriptor_view *d, uint64_t file_id);
/*
 * In the process, with its numbers in place. A lock that a stranger holds now is an error: the
 * program relies on having it.
 */
int locks_restore(struct rebuilt_process *p);
/*
 * By the builder, when nothing will be closed in the process any more: closing any descriptor of a
 * file drops the POSIX locks of the process on it.
 */
int locks_restore_last(struct rebuilt_process *p);

#endif

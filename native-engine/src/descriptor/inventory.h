/* All descriptors of all members of a round, walked once while everything is frozen. */
#ifndef INVENTORY_H
#define INVENTORY_H

#include "../engine/round.h"
#include "descriptor.h"

struct inventory_entry {
	struct process *process;
	struct descriptor_view view; /* borrowed is -1: see inventory_borrow() */
	uint64_t file_id;
	bool first; /* number of this file in its process */
	int held;   /* ours, -1: it is in @process */
	const struct file_kind_ops *kind;
};

struct unix_table;
struct inet_table;
struct pty_table;

struct inventory {
	struct inventory_entry *entries; /* by process in the round's order, then by number */
	size_t count, capacity;
	struct inventory_entry **by_inode; /* by device, inode, then as in entries */
	struct inventory_part {
		const struct process *process;
		size_t start, count; /* its entries */
	} *parts; /* one per member, as in the round */
	size_t part_count;
	/* files on their way through a socket; no process has them */
	struct inventory_entry *detached;
	size_t detached_count;
	bool detached_captured;
	const struct process *overwrite_of; /* of whom @overwrite tells: regular_file.c */
	bool overwrite;
	bool unix_drained;
	struct unix_table *unix_sockets;
	struct inet_table *inet_sockets;
	struct pty_table *ptys;
};

/* Walks every member, unless it has been done. */
int inventory_build(struct round *r, struct fault *fault);
void inventory_free(struct inventory *i);

/* The entries of @process: the first of *@count, in ascending order of numbers. */
struct inventory_entry *inventory_of(struct inventory *i, const struct process *process,
				     size_t *count);
/* The descriptor @number of @process, or NULL. */
struct inventory_entry *inventory_find(struct inventory *i, const struct process *process,
				       int number);
/* All entries of one inode: the first of *@count pointers. */
struct inventory_entry **inventory_inode(struct inventory *i, uint64_t device, uint64_t inode,
					 size_t *count);

/*
 * The id of what our own descriptor @fd is open on. A file that no member has is kept in the
 * inventory (by a duplicate, until inventory_free) as a detached one.
 */
int inventory_identify(struct round *r, int fd, uint64_t *file_id, struct fault *fault);

/*
 * Our own duplicate of the descriptor, close-on-exec; the caller closes it soon (it delays EOF and
 * device release). -errno.
 */
int inventory_borrow(const struct inventory_entry *e);

#endif

#include "shared.h"

#include <errno.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Descriptors that can be the same description lie in one bucket: same device, inode, trait. Within a
 * bucket they stand in a search tree in the kernel's own order of descriptions (kcmp(2), EQ, LESS,
 * GREATER); that order is scrambled (kernel/kcmp.c, kptr_obfuscate), so the tree needs no balancing.
 * 10,000 timerfds, which all have one inode, cost 14 comparisons each.
 */
struct node {
	struct node *less, *greater;
	pid_t tid;
	int number;
	uint64_t id;
};

struct bucket {
	struct bucket *next;
	uint64_t device, inode;
	uint64_t id;       /* of the inode; 0: not asked for yet */
	struct node *root; /* of the descriptions */
};

#define BUCKETS 4096u

struct shared {
	uint64_t last;
	struct bucket *inodes[BUCKETS], *files[BUCKETS];
	struct node *processes[KCMP_TYPES]; /* their id is the virtual pid */
};

int shared_open(struct round *r)
{
	r->shared = calloc(1, sizeof(struct shared));
	return r->shared ? 0 : -ENOMEM;
}

static void free_tree(struct node *n)
{
	while (n) { /* rotated into a list: no depth of recursion to fear */
		struct node *less = n->less;

		if (less) {
			n->less = less->greater;
			less->greater = n;
			n = less;
		} else {
			struct node *greater = n->greater;

			free(n);
			n = greater;
		}
	}
}

static void free_buckets(struct bucket **table)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		struct bucket *b, *next;

		for (b = table[i]; b; b = next) {
			next = b->next;
			free_tree(b->root);
			free(b);
		}
	}
}

void shared_close(struct round *r)
{
	struct shared *s = r->shared;

	if (!s)
		return;
	free_buckets(s->inodes);
	free_buckets(s->files);
	for (int type = 0; type < KCMP_TYPES; type++)
		free_tree(s->processes[type]);
	free(s);
	r->shared = NULL;
}

int round_forget_ids(struct round *r)
{
	shared_close(r);
	return shared_open(r);
}

static struct bucket *bucket_of(struct bucket **table, uint64_t device, uint64_t inode)
{
	uint64_t hash = (inode ^ device << 40) * 0x9e3779b97f4a7c15u;
	struct bucket **slot = &table[hash >> 52], *b;

	for (b = *slot; b; b = b->next)
		if (b->device == device && b->inode == inode)
			return b;
	b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	b->device = device;
	b->inode = inode;
	b->next = *slot;
	*slot = b;
	return b;
}

static uint64_t new_id(struct round *r, struct shared *s)
{
	return r->host_salt << 32 | ++s->last;
}

uint64_t round_file_id(struct round *r, struct process *p, int number, const struct stat *status,
		       uint64_t trait, bool *is_new)
{
	struct shared *s = r->shared;
	struct node **at, *n;
	struct bucket *b;

	*is_new = true;
	b = bucket_of(s->files, status->st_dev, status->st_ino ^ trait << 32);
	if (!b)
		return new_id(r, s); /* without memory: a description of its own */
	for (at = &b->root; *at;) {
		long order;

		n = *at;
		order = syscall(SYS_kcmp, p->live_tid, n->tid, KCMP_FILE, number, n->number);
		if (order == 0) {
			*is_new = false;
			return n->id;
		}
		/* It has died meanwhile: nobody can tell any more, and the round will notice. */
		if (order < 0)
			return new_id(r, s);
		at = order == 1 ? &n->less : &n->greater;
	}
	n = calloc(1, sizeof(*n));
	if (!n)
		return new_id(r, s);
	n->tid = p->live_tid;
	n->number = number;
	n->id = new_id(r, s);
	*at = n;
	return n->id;
}

pid_t round_sharer(struct round *r, struct process *p, int type)
{
	struct shared *s = r->shared;
	struct node **at = &s->processes[type], *n;

	while (*at) {
		long order;

		n = *at;
		if (n->tid == p->live_tid)
			return n->id;
		order = syscall(SYS_kcmp, p->live_tid, n->tid, type, 0, 0);
		if (order == 0)
			return n->id;
		if (order < 0)
			return p->virtual_pid; /* as above: it has died */
		at = order == 1 ? &n->less : &n->greater;
	}
	n = calloc(1, sizeof(*n));
	if (n) {
		n->tid = p->live_tid;
		n->id = p->virtual_pid;
		*at = n;
	}
	return p->virtual_pid;
}

uint64_t round_inode_id(struct round *r, uint64_t device, uint64_t inode, bool *is_new)
{
	struct shared *s = r->shared;
	struct bucket *b = bucket_of(s->inodes, device, inode);

	*is_new = !b || !b->id;
	if (!b)
		return new_id(r, s);
	if (!b->id)
		b->id = new_id(r, s);
	return b->id;
}

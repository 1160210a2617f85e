/*
 * The process tree of a restart: which process creates which, and in what order, so that parents,
 * sessions and groups come out as they were.
 *
 * A process is born into the session of its creator, and only the kernel's rules for orphans change
 * a parent. So every process has a creator in the session it was born into: its parent where that
 * is possible, otherwise the leader of that session by way of a short-lived process in between,
 * whose end makes the parent (then a subreaper or process 1) adopt it.
 */
#ifndef TREE_H
#define TREE_H

#include <stdbool.h>

#include "../resource/process_record.h"

#define TREE_BUILDER (-1) /* as a node's index: process 1 */
#define TREE_NOBODY (-2)
#define SESSION_ANY (-1) /* a leader that may be born anywhere */

struct tree_node {
	pid_t pid;
	pid_t group, session;
	int parent;         /* node, or TREE_BUILDER */
	int creator;        /* node, or TREE_BUILDER */
	int image;          /* -1: a holder */
	pid_t birth;        /* session it is born into */
	bool before_session; /* created before its creator calls setsid() */
	bool orphan;        /* created by way of a short-lived process */
	bool adopts;        /* must be a subreaper while the tree is made */
	bool leads_session;
	bool leads_group;   /* others need the group of its number */
	bool dies;          /* a leader that was dead already: ends once all are in their groups */
	bool zombie;
	unsigned long shares; /* CLONE_VM, _FILES, _FS, _SIGHAND: with its creator */
	bool sibling;         /* of its creator, not its child: CLONE_PARENT */
	bool late;            /* runs on its creator's memory: made when that has done its part */
	int exit_signal;
	int exit_status;
	uint32_t terminal;
	pid_t foreground_group;
	bool visited; /* of a walk */
};

struct tree {
	struct tree_node *nodes;
	size_t count, capacity;
	int root; /* the process whose exit status is passed on: index of its node */
};

int tree_plan(struct tree *t, const struct process_record *records, size_t count,
	      struct fault *fault);
/* Sets shares, sibling and late: tree_share.c; part of tree_plan(). */
int tree_plan_sharing(struct tree *t, const struct process_record *records, size_t count,
		      struct fault *fault);
void tree_free(struct tree *t);
int tree_find(const struct tree *t, pid_t pid); /* index, TREE_BUILDER for 1, TREE_NOBODY */
pid_t tree_pid(const struct tree *t, int index);

#endif

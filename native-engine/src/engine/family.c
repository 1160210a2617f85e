#include "family.h"

#include <errno.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../common/proc.h"

#define ATTEMPTS 20
#define EXITING 0x4 /* PF_EXITING, linux/sched.h */

struct relative {
	pid_t pid, parent;
	uint64_t start_ticks;
	int kind; /* of kcmp(2), the same in all that are sorted together */
	char name[16];
};

/* The kernel's order of the objects: kcmp(2). One that has gone equals nobody. */
static int compare(const void *a, const void *b)
{
	const struct relative *x = a, *y = b;

	switch (syscall(SYS_kcmp, x->pid, y->pid, x->kind, 0, 0)) {
	case 0:
		return 0;
	case 1:
		return -1;
	case 2:
		return 1;
	}
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static bool older(const struct relative *a, const struct relative *b)
{
	return a->start_ticks < b->start_ticks ||
	       (a->start_ticks == b->start_ticks && a->pid < b->pid);
}

/* Can @r have what all in @group share from one of them? */
static bool has_source(const struct relative *r, const struct relative *group, size_t count)
{
	for (size_t n = 0; n < count; n++)
		if (&group[n] != r && (group[n].pid == r->parent ||
				       (group[n].parent == r->parent && older(&group[n], r))))
			return true;
	return false;
}

static int refuse(const struct relative *r, pid_t other, const char *why, struct fault *fault)
{
	return fault_set(fault, EOPNOTSUPP, "not-supported",
			 "process %d (%s) shares its %s with process %d, %s", r->pid, r->name,
			 r->kind == KCMP_VM ? "memory" : "descriptors", other, why);
}

static int check_group(const struct relative *group, size_t count, struct fault *fault)
{
	const struct relative *first = NULL;

	for (size_t n = 0; n < count; n++) {
		if (has_source(&group[n], group, count))
			continue;
		if (first)
			return refuse(&group[n], first->pid,
				      "which is neither its parent nor its sibling", fault);
		first = &group[n];
	}
	return 0;
}

static int check_kind(struct relative *all, size_t count, int kind, struct fault *fault)
{
	size_t start = 0;
	int ret = 0;

	for (size_t n = 0; n < count; n++)
		all[n].kind = kind;
	qsort(all, count, sizeof(*all), compare);
	for (size_t n = 1; n <= count && !ret; n++) {
		if (n < count && !compare(&all[start], &all[n]))
			continue;
		if (n - start > 1)
			ret = check_group(all + start, n - start, fault);
		start = n;
	}
	return ret;
}

/* A member that runs on the memory of its parent, which is none. */
static int check_outside(const struct relative *all, size_t count, struct fault *fault)
{
	for (size_t n = 0; n < count; n++) {
		bool inside = all[n].parent <= 1;

		for (size_t k = 0; k < count && !inside; k++)
			inside = all[k].pid == all[n].parent;
		if (!inside && !syscall(SYS_kcmp, all[n].pid, all[n].parent, KCMP_VM, 0, 0))
			return refuse(&all[n], all[n].parent, "which is no part of the computation",
				      fault);
	}
	return 0;
}

/*
 * It has no memory any more, or is about to have none, and so has the same as all others of whom that is
 * true.
 */
static bool is_ending(pid_t pid, struct proc_stat *stat)
{
	return proc_stat(pid, stat) < 0 || stat->state == 'Z' || stat->flags & EXITING;
}

static int check_once(struct relative *all, size_t count, struct fault *fault)
{
	int ret = check_outside(all, count, fault);

	if (!ret)
		ret = check_kind(all, count, KCMP_VM, fault);
	return ret ? ret : check_kind(all, count, KCMP_FILES, fault);
}

static size_t collect(struct relative *all, const struct process_keys *members)
{
	struct proc_stat stat;
	size_t count = 0;

	for (size_t n = 0; n < members->count; n++) {
		if (is_ending(members->keys[n].pid, &stat))
			continue;
		all[count] = (struct relative){ .pid = stat.pid, .parent = stat.parent,
						.start_ticks = stat.start_ticks, .kind = KCMP_VM };
		snprintf(all[count].name, sizeof(all[count].name), "%.15s", stat.comm);
		count++;
	}
	return count;
}

int family_check(const struct process_keys *members, struct fault *fault)
{
	struct relative *all = calloc(members->count + 1, sizeof(*all));
	struct fault found = { 0 };
	bool ended = true;
	int ret = 0;

	if (!all)
		return fault_set(fault, ENOMEM, "out-of-memory", "no memory for %zu members",
				 members->count);
	for (int attempt = 0; attempt < ATTEMPTS && ended; attempt++) {
		size_t count = collect(all, members);
		struct proc_stat stat;

		memset(&found, 0, sizeof(found));
		ret = check_once(all, count, &found);
		ended = false; /* one of those meanwhile, which would explain it */
		for (size_t n = 0; n < count && ret && !ended; n++)
			ended = is_ending(all[n].pid, &stat);
	}
	free(all);
	if (ret && fault && !fault->id[0])
		*fault = found;
	return ret;
}

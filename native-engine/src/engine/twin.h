/* Copy-on-write snapshots: a forked twin of a frozen process that never runs. */
#ifndef TWIN_H
#define TWIN_H

#include "../trace/process.h"
#include "scan.h"

struct twin {
	pid_t pid; /* 0: none */
	uint64_t start_ticks;
	int mem_fd;
	pid_t parent;
	bool settled;
	uint64_t syscall_address; /* for twin_settle() */
	struct user_regs_struct regs;
};

/*
 * Forks the frozen @p; twin_settle() is due as soon as @p runs on. On failure nothing is left behind and
 * *@out is empty.
 */
int twin_make(struct process *p, struct twin *out, struct fault *fault);

/*
 * What need not keep the program waiting: from here on the twin holds none of the program's
 * descriptors open, or a peer would miss an end of file.
 */
int twin_settle(struct twin *t, struct fault *fault);

/* Takes [@start, @end) out of its memory. */
int twin_unmap(struct twin *t, uint64_t start, uint64_t end, struct fault *fault);

/* Kills it: its memory is free. It remains to be collected by its parent: twin_collect(). */
void twin_kill(struct twin *t);

/* Twins that live or wait to be collected: they are no members of any computation. */
const struct process_keys *twin_all(void);

/*
 * Lets the parents collect their dead twins, each in a short freeze; with @held, a frozen process, only
 * its own and without one. How many are left: call again every few milliseconds.
 */
size_t twin_collect(struct process *held);

/*
 * Zombie @pid is the twin of an engine that has died (killed, and its parent gets no signal): the
 * frozen @parent collects it.
 */
bool twin_is_leftover(pid_t pid);
void twin_collect_leftover(struct process *parent, pid_t pid);

#endif

/* Stopping the threads of a process. */
#ifndef STOP_H
#define STOP_H

#include <sys/ptrace.h>

#include "process.h"

/*
 * No FORK and VFORK: a forked process must run on until its turn comes (a vfork child even must not
 * stop before its parent does), and the group's next pass finds it. No EXITKILL: the death of the
 * engine must not be the death of the program.
 */
#define STOP_OPTIONS (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC)

enum stop_state { STOP_AWAITED = 1, STOP_REACHED, STOP_GONE };

/* Threads of the process being frozen, with what only the freeze knows of them. */
struct freezing {
	struct process *process;
	enum stop_state *states; /* one per thread of the process */
	size_t capacity;
	uint64_t deadline_ns;
	struct fault *fault;
};

struct thread *thread_find(struct process *p, pid_t tid);
/* NULL without memory. */
struct thread *thread_add(struct process *p, pid_t tid);

/*
 * Seizes and stops every thread, also those that are made meanwhile; the leader is the first
 * afterwards. What has been seized when it fails is for stop_let_go().
 */
int stop_all(struct freezing *f);
/* One thread, which must not be an exited leader. */
int stop_one(struct freezing *f, pid_t tid);
/* Lets every thread go that has been seized, also those that have not stopped yet. */
void stop_let_go(struct process *p);

#endif

#include "ending.h"

#include <asm/unistd.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

#include "../trace/wait.h"

#define END_LIMIT_NS 1000000000ull
#define KILL_LIMIT_NS 1000000000ull

static void sleep_ms(unsigned int ms)
{
	struct timespec t = { 0, ms * 1000000l };

	nanosleep(&t, NULL);
}

/* The thread runs into exit_group; nobody waits for it here, as its end needs that of the others. */
static bool start_exit(struct process *p, int status)
{
	for (size_t i = 0; i < p->thread_count; i++) {
		struct thread *t = &p->threads[i];

		if (t->exited_leader || t->gone)
			continue;
		t->regs.rip = p->syscall_address;
		t->regs.rax = __NR_exit_group;
		t->regs.orig_rax = -1;
		t->regs.rdi = status;
		t->sigmask = ~0ull;
		t->injecting = false;
		if (p->syscall_address && !thread_put_state(t) &&
		    !ptrace(PTRACE_CONT, t->tid, NULL, NULL))
			return true;
	}
	return false;
}

/* Takes what the kernel has to tell; true when all threads have ended. */
static bool has_ended(struct process *p)
{
	bool all = true;

	for (size_t i = 0; i < p->thread_count; i++) {
		struct thread *t = &p->threads[i];
		int status;
		pid_t got;

		if (t->gone)
			continue;
		got = waitpid(t->tid, &status, __WALL | WNOHANG);
		if (got > 0 && WIFSTOPPED(status)) /* SIGSTOP, which cannot be blocked */
			ptrace(PTRACE_CONT, t->tid, NULL, NULL);
		else if (got > 0 || (got < 0 && errno == ECHILD))
			t->gone = true;
		all &= t->gone;
	}
	return all;
}

static bool all_ended(struct process **processes, size_t count, uint64_t limit_ns)
{
	uint64_t deadline = monotonic_ns() + limit_ns;

	for (;;) {
		bool all = true;

		for (size_t i = 0; i < count; i++)
			all &= has_ended(processes[i]);
		if (all || monotonic_ns() >= deadline)
			return all;
		sleep_ms(1);
	}
}

void end_frozen(struct process **processes, size_t count, int status)
{
	for (size_t i = 0; i < count; i++)
		if (!processes[i]->zombie && !start_exit(processes[i], status))
			kill(processes[i]->pid, SIGKILL);
	if (!all_ended(processes, count, END_LIMIT_NS)) {
		for (size_t i = 0; i < count; i++)
			if (!has_ended(processes[i]))
				kill(processes[i]->pid, SIGKILL);
		all_ended(processes, count, KILL_LIMIT_NS);
	}
	for (size_t i = 0; i < count; i++)
		process_free(processes[i]);
}

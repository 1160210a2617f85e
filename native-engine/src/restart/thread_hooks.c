#include "thread_hooks.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "../common/plugin_area.h"
#include "../trace/late.h"
#include "../trace/wait.h"

#define LIMIT_NS 10000000000ull
#define STOP_LIMIT_NS 1000000000ull
#define LOOK_EVERY_NS 200000
#define XSTATE_BYTES 65536
#define FLAGS_OFF 0x500ull /* trap, direction */
#define RED_ZONE 128

/* Blocked ones would take the program's handler away: force_sig_info_to_task() in kernel/signal.c. */
static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT };

struct guest {
	struct thread *thread; /* NULL: it is back */
	uint64_t report;
	void *xstate; /* vector registers: those of struct user_regs_struct are in the thread */
	size_t xstate_bytes;
};

static bool put_xstate(const struct guest *g)
{
	struct iovec state = { g->xstate, g->xstate_bytes };

	return !ptrace(PTRACE_SETREGSET, g->thread->tid, NT_X86_XSTATE, &state);
}

/* The thread stands still: as it was. */
static void put_back(struct guest *g)
{
	put_xstate(g);
	inject_end(g->thread);
	g->thread = NULL;
}

static int send_off(struct guest *g, const struct plugin_resume *r)
{
	struct thread *t = g->thread;
	struct user_regs_struct regs = t->regs;
	struct iovec state;
	uint64_t mask = ~0ull;
	void *smaller;

	g->xstate = malloc(XSTATE_BYTES);
	state = (struct iovec){ g->xstate, XSTATE_BYTES };
	if (!g->xstate || ptrace(PTRACE_GETREGSET, t->tid, NT_X86_XSTATE, &state))
		return -EIO;
	g->xstate_bytes = state.iov_len;
	smaller = realloc(g->xstate, state.iov_len);
	g->xstate = smaller ? smaller : g->xstate;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		mask &= ~(1ull << (faults[i] - 1));
	regs.rip = r->entry;
	regs.rdi = g->report;
	regs.rsp = ((g->report - RED_ZONE) & ~15ull) - 8; /* as behind a call */
	regs.rbp = 0;
	regs.rax = 0;
	regs.orig_rax = -1; /* what the kernel had interrupted must not restart now */
	regs.eflags &= ~FLAGS_OFF;
	state = (struct iovec){ &regs, sizeof(regs) };
	if (ptrace(PTRACE_SETSIGMASK, t->tid, sizeof(mask), &mask) ||
	    ptrace(PTRACE_SETREGSET, t->tid, NT_PRSTATUS, &state) ||
	    ptrace(PTRACE_CONT, t->tid, NULL, NULL))
		return -errno;
	return 0;
}

/* It has stopped: a fault of the hook, which ends it, or nothing of ours. false: it is back. */
static bool pass_stop(struct guest *g, int status, struct fault *why)
{
	struct thread *t = g->thread;
	int event = status >> 16, signal = event ? 0 : WSTOPSIG(status);
	unsigned long made;

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		if (faults[i] != signal)
			continue;
		fault_set(why, ECANCELED, "plugin-failed",
			  "process %d: event THREAD_RESUME: it was hit by signal %d in thread %d",
			  t->process->virtual_pid, signal, t->virtual_tid);
		put_back(g);
		return false;
	}
	if (event == PTRACE_EVENT_CLONE && !ptrace(PTRACE_GETEVENTMSG, t->tid, NULL, &made))
		late_release((pid_t)made);
	ptrace(PTRACE_CONT, t->tid, NULL, signal);
	return true;
}

/* Wherever it is: stops it there and puts it back. */
static void fetch(struct guest *g)
{
	uint64_t deadline_ns = monotonic_ns() + STOP_LIMIT_NS;
	int status;

	ptrace(PTRACE_INTERRUPT, g->thread->tid, NULL, NULL);
	if (wait_for_change(g->thread->tid, deadline_ns, &status) == 0 && WIFSTOPPED(status)) {
		put_back(g);
		return;
	}
	g->thread->gone = true;
	g->thread = NULL;
}

/* Whether it is back. */
static bool look(struct guest *g, struct fault *why)
{
	struct thread *t = g->thread;
	struct plugin_resume_report report;
	int status = 0;
	pid_t got = waitpid(t->tid, &status, __WALL | WNOHANG);

	if (got == t->tid && WIFSTOPPED(status))
		return !pass_stop(g, status, why);
	if (got || process_read(t->process, g->report, &report, sizeof(report)) < 0) {
		t->gone = true;
		g->thread = NULL;
		return true;
	}
	if (!report.done)
		return false;
	if (report.failure[0])
		fault_set(why, ECANCELED, "plugin-failed",
			  "process %d: event THREAD_RESUME: %.*s in thread %d",
			  t->process->virtual_pid, (int)sizeof(report.failure), report.failure,
			  t->virtual_tid);
	fetch(g);
	return true;
}

static void run_all(struct guest *guests, size_t count, uint64_t deadline_ns, struct fault *why)
{
	const struct timespec pause = { .tv_nsec = LOOK_EVERY_NS };
	uint64_t own_deadline_ns = monotonic_ns() + LIMIT_NS;
	size_t left = 0;

	if (own_deadline_ns < deadline_ns)
		deadline_ns = own_deadline_ns;
	for (size_t i = 0; i < count; i++)
		left += guests[i].thread != NULL;
	while (left && monotonic_ns() < deadline_ns) {
		for (size_t i = 0; i < count; i++)
			if (guests[i].thread && look(&guests[i], why))
				left--;
		trace_release_late();
		if (left)
			nanosleep(&pause, NULL);
	}
	for (size_t i = 0; i < count; i++) {
		if (!guests[i].thread)
			continue;
		fault_set(why, ETIMEDOUT, "plugin-failed",
			  "process %d: event THREAD_RESUME: it did not return in time in thread %d",
			  guests[i].thread->process->virtual_pid, guests[i].thread->virtual_tid);
		fetch(&guests[i]);
	}
}

/* What a program that writes anywhere may have put there is no address of ours. */
static bool is_sound(const struct plugin_resume *r)
{
	return r->entry && r->rooms && !r->done && !(r->rooms & 15) && r->count < 1u << 20 &&
	       r->room_bytes >= 16384 && r->room_bytes < 1u << 24;
}

void thread_hooks_run(struct process *p, uint64_t area, uint64_t deadline_ns, struct fault *why)
{
	uint64_t at = area + offsetof(struct plugin_area, resume), magic = 0;
	struct plugin_resume r;
	struct guest *guests;
	uint32_t done = 1;
	size_t count = 0;

	if (process_read(p, area, &magic, sizeof(magic)) < 0 || magic != PLUGIN_AREA_MAGIC ||
	    process_read(p, at, &r, sizeof(r)) < 0 || !is_sound(&r))
		return;
	guests = calloc(p->thread_count + 1, sizeof(*guests));
	for (size_t i = 0; guests && i < p->thread_count && count < r.count; i++) {
		struct guest *g = &guests[count];

		g->thread = &p->threads[i];
		if (inject_begin(g->thread, NULL) < 0)
			continue;
		g->report = r.rooms + (count + 1) * (uint64_t)r.room_bytes -
			    sizeof(struct plugin_resume_report);
		count++;
		if (send_off(g, &r) < 0)
			put_back(g);
	}
	if (guests)
		run_all(guests, count, deadline_ns, why);
	for (size_t i = 0; i < count; i++)
		free(guests[i].xstate);
	free(guests);
	process_write(p, at + offsetof(struct plugin_resume, done), &done, sizeof(done));
}

#include "twin.h"

#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/array.h"
#include "../common/proc.h"
#include "../trace/wait.h"

#ifndef __NR_close_range
#define __NR_close_range 436
#endif
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2 /* linux/close_range.h, Linux 5.9 */
#endif

#define BIRTH_LIMIT_NS 2000000000ull
#define COLLECT_FREEZE_MS 500u
#define COLLECT_TRIES 20u

enum grave_state { DYING, ZOMBIE };

struct grave { /* a killed twin until its parent has collected it */
	struct twin twin;
	pid_t virtual_pid;
	enum grave_state state;
	unsigned int tries;
};

/* Of the one thread that does ptrace. */
static struct process_keys known;
static struct grave *graves;
static size_t grave_count, grave_room;

const struct process_keys *twin_all(void)
{
	return &known;
}

static void forget(pid_t pid)
{
	for (size_t i = 0; i < known.count; i++)
		if (known.keys[i].pid == pid)
			known.keys[i--] = known.keys[--known.count];
}

static struct thread *injectable(struct process *p)
{
	for (size_t i = 0; i < p->thread_count; i++)
		if (!p->threads[i].exited_leader && !p->threads[i].gone)
			return &p->threads[i];
	return NULL;
}

/*
 * The kernel has attached it: it stops before its first instruction. From then on it dies with the
 * engine: a copy of the program must never run.
 */
static int await_birth(pid_t pid)
{
	unsigned long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL;
	int status, ret;

	ret = wait_for_change(pid, monotonic_ns() + BIRTH_LIMIT_NS, &status);
	if (!ret && !WIFSTOPPED(status))
		ret = -ESRCH;
	if (!ret && ptrace(PTRACE_SETOPTIONS, pid, NULL, options) < 0)
		ret = -errno;
	return ret;
}

int twin_make(struct process *p, struct twin *out, struct fault *fault)
{
	struct thread *t = p->seccomp || p->zombie ? NULL : injectable(p);
	struct proc_stat stat;
	char path[32];
	long result;
	int ret;

	memset(out, 0, sizeof(*out));
	out->mem_fd = -1;
	if (!t)
		return fault_set(fault, EOPNOTSUPP, "not-supported",
				 "process %d: no call can be injected", p->pid);
	/*
	 * Exit signal 0: no SIGCHLD, and invisible to the program's own wait(2). Descriptors are not
	 * copied, as they are given up at once. CLONE_FS would let the program's next exec of a
	 * set-user-id file lose its effect (fs/exec.c, check_unsafe_exec).
	 */
	ret = inject_one(t, &result, __NR_clone, CLONE_FILES, 0, 0, 0, 0, 0, fault);
	/* Also of a process that has died meanwhile: nobody else would ever end its snapshot. */
	out->pid = t->born;
	if (!out->pid)
		return ret < 0 ? ret : fault_set(fault, result < 0 ? -result : ESRCH,
						 "out-of-memory", "process %d: no snapshot: %s",
						 p->pid, strerror(result < 0 ? -result : ESRCH));
	out->parent = p->pid;
	out->syscall_address = p->syscall_address;
	out->regs = t->regs;
	if (!ret)
		ret = await_birth(out->pid);
	if (!ret)
		ret = proc_stat(out->pid, &stat);
	if (!ret) {
		out->start_ticks = stat.start_ticks;
		ret = process_keys_add(&known, out->pid, out->start_ticks);
	}
	if (ret < 0) {
		twin_kill(out);
		return fault_set(fault, -ret, "internal", "process %d: its snapshot: %s", p->pid,
				 strerror(-ret));
	}
	snprintf(path, sizeof(path), "/proc/%d/mem", out->pid);
	out->mem_fd = open(path, O_RDONLY | O_CLOEXEC);
	return 0;
}

static int inject_into(struct twin *t, long number, uint64_t a1, uint64_t a2, uint64_t a3,
		       struct fault *fault)
{
	struct process like = { .pid = t->pid, .live_tid = t->pid, .mem_fd = -1,
				.syscall_address = t->syscall_address };
	struct thread thread = { .tid = t->pid, .process = &like, .regs = t->regs };
	long result;
	int ret = inject_syscall(&thread, &result, number, a1, a2, a3, 0, 0, 0);

	if (!ret && result < 0)
		ret = result;
	return ret ? fault_set(fault, -ret, "internal", "the snapshot of process %d: %s",
			       t->parent, strerror(-ret)) : 0;
}

int twin_unmap(struct twin *t, uint64_t start, uint64_t end, struct fault *fault)
{
	return inject_into(t, __NR_munmap, start, end - start, 0, fault);
}

int twin_settle(struct twin *t, struct fault *fault)
{
	int ret;

	if (!t->pid || t->settled)
		return 0;
	/* The table was shared; this gives it an empty one without closing anything in the other. */
	ret = inject_into(t, __NR_close_range, 0, ~0u, CLOSE_RANGE_UNSHARE, fault);
	t->settled = !ret;
	return ret;
}

void twin_kill(struct twin *t)
{
	struct grave *more;

	if (!t->pid)
		return;
	if (t->mem_fd >= 0)
		close(t->mem_fd);
	kill(t->pid, SIGKILL); /* traced by us: the number cannot have been recycled */
	more = array_grow(graves, grave_count, &grave_room, sizeof(*more));
	if (!more) { /* it stays a zombie until its parent ends */
		t->pid = 0;
		return;
	}
	graves = more;
	graves[grave_count++] = (struct grave){
		.twin = *t, .virtual_pid = proc_virtual_pid(t->pid, "status") };
	memset(t, 0, sizeof(*t));
	t->mem_fd = -1;
}

/* True when its tracer, we, has seen its end: then it is a zombie of its parent. */
static bool has_died(const struct grave *g)
{
	int status;
	pid_t got = waitpid(g->twin.pid, &status, __WALL | WNOHANG);

	return got < 0 ? errno == ECHILD : got > 0 && !WIFSTOPPED(status);
}

static bool is_zombie_of(const struct grave *g, pid_t parent)
{
	struct proc_stat stat;

	return !proc_stat(g->twin.pid, &stat) && stat.state == 'Z' && stat.parent == parent &&
	       stat.start_ticks == g->twin.start_ticks;
}

/* In the frozen parent: wait4 by number, so that no other child is touched. */
static bool collect_in(struct process *parent, pid_t virtual_pid)
{
	struct thread *t = injectable(parent);
	long result = 0;

	return t && !inject_one(t, &result, __NR_wait4, virtual_pid, 0, WNOHANG | __WALL, 0, 0, 0,
				NULL) && result == virtual_pid;
}

bool twin_is_leftover(pid_t pid)
{
	struct proc_stat stat;

	return !proc_stat(pid, &stat) && stat.state == 'Z' && !stat.exit_signal &&
	       stat.exit_code == SIGKILL;
}

void twin_collect_leftover(struct process *parent, pid_t pid)
{
	if (!parent->seccomp)
		collect_in(parent, proc_virtual_pid(pid, "status"));
}

/* The leader, or another thread when that has exited. */
static pid_t any_thread(pid_t pid)
{
	struct pid_list threads = { 0 };
	struct proc_stat stat;
	pid_t tid = pid;

	if (!proc_stat(pid, &stat) && stat.state == 'Z' && !proc_threads(pid, &threads) &&
	    threads.count > 1)
		tid = threads.pids[1];
	pid_list_free(&threads);
	return tid;
}

/* True when nothing is left to do: collected, or no longer the parent's to collect. */
static bool collect(struct grave *g, struct process *held)
{
	struct process *p;
	bool done;

	if (!is_zombie_of(g, g->twin.parent))
		return true;
	if (held)
		return held->pid == g->twin.parent && collect_in(held, g->virtual_pid);
	if (++g->tries > COLLECT_TRIES)
		return true;
	if (process_freeze_thread(g->twin.parent, any_thread(g->twin.parent), COLLECT_FREEZE_MS,
				  &p, NULL) < 0)
		return false;
	done = collect_in(p, g->virtual_pid);
	process_thaw(p);
	return done;
}

size_t twin_collect(struct process *held)
{
	for (size_t i = 0; i < grave_count; i++) {
		struct grave *g = &graves[i];

		if (g->state == DYING && has_died(g))
			g->state = ZOMBIE;
		if (g->state == ZOMBIE && collect(g, held)) {
			forget(g->twin.pid);
			graves[i--] = graves[--grave_count];
		}
	}
	return grave_count;
}

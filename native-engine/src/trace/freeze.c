#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../common/proc.h"
#include "fixup.h"
#include "guard.h"
#include "late.h"
#include "status.h"
#include "stop.h"
#include "vdso.h"
#include "wait.h"

#ifndef PTRACE_O_SUSPEND_SECCOMP
#define PTRACE_O_SUSPEND_SECCOMP (1 << 21)
#endif

#define SECCOMP_FILTER 2 /* "Seccomp:" in /proc/PID/status, proc(5) */
#define BUILDER_NAME "dmtcp_holder" /* comm of who rebuilds processes: ../restart/builder.c */
#define BUILDER_PAUSE_MS 2
#define BUILDER_LIMIT_MS 2000

static void close_process(struct process *p)
{
	size_t i;

	if (p->pidfd >= 0)
		close(p->pidfd);
	if (p->proc_fd >= 0)
		close(p->proc_fd);
	if (p->mem_fd >= 0)
		close(p->mem_fd);
	for (i = 0; i < p->thread_count; i++)
		free(p->threads[i].status);
	free(p->threads);
	free(p->early_smaps);
	free(p);
}

static struct process *new_process(pid_t pid)
{
	struct process *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->pid = pid;
	p->live_tid = pid;
	p->pidfd = p->proc_fd = p->mem_fd = -1;
	return p;
}

/*
 * A restart lets its processes go one after the other just after the coordinator has heard that
 * they run: a checkpoint that comes at once waits for that.
 */
static void await_builder(pid_t pid)
{
	struct timespec pause = { .tv_nsec = BUILDER_PAUSE_MS * 1000000 };
	struct proc_status status;
	struct proc_stat tracer;

	for (int waited = 0; waited < BUILDER_LIMIT_MS; waited += BUILDER_PAUSE_MS) {
		if (proc_status(pid, &status) < 0 || !status.tracer ||
		    proc_stat(status.tracer, &tracer) < 0 || strcmp(tracer.comm, BUILDER_NAME))
			return;
		nanosleep(&pause, NULL);
	}
}

/* Identity and the files of /proc: before the freeze, so that a reused number is noticed. */
static int identify(struct process *p, struct fault *fault)
{
	struct proc_status status;
	struct proc_stat stat;
	int ret;

	p->pidfd = syscall(SYS_pidfd_open, p->pid, 0);
	if (p->pidfd < 0)
		return fault_set(fault, errno, "no-such-process", "process %d: %s", p->pid,
				 strerror(errno));
	ret = proc_stat(p->pid, &stat);
	if (!ret)
		ret = proc_status(p->pid, &status);
	if (ret < 0)
		return fault_set(fault, ESRCH, "no-such-process", "process %d: %s", p->pid,
				 strerror(-ret));
	if (status.tracer)
		await_builder(p->pid);
	p->start_ticks = stat.start_ticks;
	p->virtual_pid = status.virtual_pid;
	p->zombie = proc_has_ended(&stat);
	return 0;
}

/* The parts of /proc that need the memory of a thread that still has it. */
static int open_files(struct process *p, struct fault *fault)
{
	char path[64];

	if (!p->zombie && p->threads[0].exited_leader) {
		if (p->thread_count < 2)
			return fault_set(fault, ESRCH, "no-such-process", "process %d has ended",
					 p->pid);
		p->live_tid = p->threads[1].tid;
	}
	snprintf(path, sizeof(path), "/proc/%d", p->live_tid);
	p->proc_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (p->proc_fd < 0)
		return fault_set(fault, errno == ENOENT ? ESRCH : errno, "no-such-process", "%s: %s",
				 path, strerror(errno));
	if (!p->zombie)
		p->mem_fd = openat(p->proc_fd, "mem", O_RDWR | O_CLOEXEC);
	return 0;
}

/*
 * A filter that we run under ourselves (a container's) lets our calls through. Another one might
 * kill the thread for an injected call: it is suspended as long as we trace, which takes
 * CAP_SYS_ADMIN in the initial user namespace (ptrace(2)), or nothing is injected.
 */
static void look_at_seccomp(struct thread *t)
{
	struct proc_status ours;

	if (!t->status->seccomp)
		return;
	if (t->status->seccomp == SECCOMP_FILTER && t->status->seccomp_filters &&
	    !proc_status(getpid(), &ours) && ours.seccomp_filters == t->status->seccomp_filters)
		return;
	if (!ptrace(PTRACE_SETOPTIONS, t->tid, NULL, STOP_OPTIONS | PTRACE_O_SUSPEND_SECCOMP))
		t->seccomp_suspended = true;
	else
		t->process->seccomp = true;
}

static int look_at_threads(struct process *p, struct fault *fault)
{
	size_t i;

	for (i = 0; i < p->thread_count; i++) {
		struct thread *t = &p->threads[i];
		struct proc_status *status;
		int ret;

		if (t->status) /* held since before a release */
			continue;
		status = malloc(sizeof(*status));
		ret = status ? proc_status(t->tid, status) : -ENOMEM;
		t->process = p;
		if (ret < 0) {
			free(status);
			return fault_set(fault, -ret,
					 ret == -ENOMEM ? "out-of-memory" : "no-such-process",
					 "thread %d of process %d: %s", t->tid, p->pid,
					 strerror(-ret));
		}
		t->virtual_tid = status->virtual_pid;
		t->status = status;
		if (!t->exited_leader)
			look_at_seccomp(t);
	}
	return 0;
}

/* @known: the first threads have been settled already. */
static int settle_all(struct process *p, size_t known, uint64_t deadline_ns, struct fault *fault)
{
	size_t i;
	int ret = known ? 0 : vdso_find(p, fault);

	for (i = known; i < p->thread_count && !ret; i++) {
		struct thread *t = &p->threads[i];

		if (t->exited_leader)
			continue;
		ret = thread_settle(t, fault);
		if (!ret)
			ret = thread_leave_vdso(t, p->vdso_start, p->vdso_end, deadline_ns, fault);
	}
	return ret;
}

/* All threads, or only thread @only. */
static int freeze(pid_t pid, pid_t only, uint32_t timeout_ms, struct process **out,
		  struct fault *fault)
{
	struct freezing f = { .fault = fault };
	struct process *p = new_process(pid);
	struct proc_stat stat;
	int ret;

	*out = NULL;
	if (!p)
		return fault_set(fault, ENOMEM, "out-of-memory", "freezing process %d", pid);
	trace_release_late();
	f.process = p;
	f.deadline_ns = monotonic_ns() + timeout_ms * 1000000ull;
	ret = identify(p, fault);
	if (!ret && !p->zombie)
		ret = only ? stop_one(&f, only) : stop_all(&f);
	if (ret)
		goto err;
	if (!p->zombie && p->thread_count == 1 && p->threads[0].exited_leader &&
	    !proc_stat(pid, &stat) && proc_has_ended(&stat)) {
		p->zombie = true; /* it ended just now */
		p->thread_count = 0;
	}
	ret = open_files(p, fault);
	if (!ret && !p->zombie)
		ret = look_at_threads(p, fault);
	if (!ret && !p->zombie)
		ret = settle_all(p, 0, f.deadline_ns, fault);
	if (ret)
		goto err;
	free(f.states);
	*out = p;
	return 0;

err:
	stop_let_go(p);
	free(f.states);
	close_process(p);
	return ret;
}

struct thread *process_live_thread(struct process *p)
{
	size_t i;

	for (i = 0; i < p->thread_count; i++)
		if (!p->threads[i].exited_leader && !p->threads[i].gone)
			return &p->threads[i];
	return NULL;
}

int process_freeze(pid_t pid, uint32_t timeout_ms, struct process **out, struct fault *fault)
{
	return freeze(pid, 0, timeout_ms, out, fault);
}

int process_freeze_thread(pid_t pid, pid_t tid, uint32_t timeout_ms, struct process **out,
			  struct fault *fault)
{
	return freeze(pid, tid, timeout_ms, out, fault);
}

int process_release(struct process *p, pid_t virtual_tid, struct fault *fault)
{
	size_t i;

	for (i = 0; i < p->thread_count; i++) {
		struct thread *t = &p->threads[i];

		if (t->exited_leader || t->gone || t->virtual_tid != virtual_tid)
			continue;
		if (ptrace(PTRACE_DETACH, t->tid, NULL, NULL) < 0)
			late_release(t->tid);
		free(t->status);
		memmove(t, t + 1, (p->thread_count - i - 1) * sizeof(*t));
		p->thread_count--;
		/* What it does to the memory makes the early look worthless. */
		free(p->early_smaps);
		p->early_smaps = NULL;
		return 0;
	}
	return fault_set(fault, ESRCH, "no-such-process", "process %d has no thread %d",
			 p->virtual_pid, virtual_tid);
}

int process_hold(struct process *p, uint32_t timeout_ms, struct fault *fault)
{
	struct freezing f = { .process = p, .fault = fault };
	size_t known = p->thread_count;
	int ret;

	f.capacity = known + 16;
	f.states = malloc(f.capacity * sizeof(*f.states));
	if (!f.states)
		return fault_set(fault, ENOMEM, "out-of-memory", "process %d", p->pid);
	for (size_t i = 0; i < known; i++)
		f.states[i] = STOP_REACHED;
	f.deadline_ns = monotonic_ns() + timeout_ms * 1000000ull;
	ret = stop_all(&f);
	if (!ret)
		ret = look_at_threads(p, fault);
	if (!ret)
		ret = settle_all(p, known, f.deadline_ns, fault);
	free(f.states);
	return ret;
}

static void drop_scratch(struct process *p)
{
	size_t i;

	for (i = 0; i < p->thread_count && p->scratch && !p->guard; i++) {
		struct thread *t = &p->threads[i];

		if (inject_begin(t, NULL) < 0)
			continue;
		inject_scratch_free(t);
		inject_end(t);
	}
}

void process_thaw(struct process *p)
{
	size_t i;

	if (!p)
		return;
	for (i = 0; i < p->thread_count; i++)
		if (p->threads[i].injecting)
			inject_end(&p->threads[i]);
	if (!p->parked) { /* else its threads go on from there, when they may */
		drop_scratch(p);
		guard_close(p);
	}
	stop_let_go(p);
	close_process(p);
}

void process_free(struct process *p)
{
	size_t i;

	if (!p)
		return;
	for (i = 0; i < p->thread_count; i++)
		if (!p->threads[i].exited_leader || i)
			late_release(p->threads[i].tid);
	if (p->thread_count) /* last: its end is only told when the others are gone */
		late_release(p->threads[0].tid);
	trace_release_late();
	close_process(p);
}

bool process_is_vfork_child(pid_t pid)
{
	struct pid_list tids = { 0 };
	struct proc_stat stat;
	bool found = false;
	size_t i;

	if (proc_stat(pid, &stat) || stat.parent <= 1 ||
	    syscall(SYS_kcmp, pid, stat.parent, 1 /* KCMP_VM */, 0, 0) != 0)
		return false;
	proc_threads(stat.parent, &tids);
	for (i = 0; i < tids.count && !found; i++) {
		char *call;

		if (proc_read_text(tids.pids[i], "syscall", &call, NULL) < 0)
			continue;
		/* The numbers of vfork, clone and clone3; "running" when it is in none. */
		found = !strncmp(call, "58 ", 3) || !strncmp(call, "56 ", 3) ||
			!strncmp(call, "435 ", 4);
		free(call);
	}
	pid_list_free(&tids);
	return found;
}

/* The first stop of something that the kernel has attached by PTRACE_O_TRACECLONE. */
static int await_birth(pid_t tid, struct fault *fault)
{
	uint64_t deadline_ns = monotonic_ns() + 5000000000ull;
	int status, ret;

	for (;;) {
		ret = wait_for_change(tid, deadline_ns, &status);
		if (!ret && !WIFSTOPPED(status))
			ret = -ESRCH;
		if (ret < 0)
			return fault_set(fault, -ret, "internal", "new thread %d did not stop: %s",
					 tid, strerror(-ret));
		if (is_event_stop(status))
			return 0;
		ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
		ptrace(PTRACE_CONT, tid, NULL, status >> 16 ? 0 : WSTOPSIG(status));
	}
}

int process_adopt_thread(struct process *p, pid_t tid, struct fault *fault)
{
	struct thread *t;
	int ret = await_birth(tid, fault);

	if (ret < 0)
		return ret;
	t = thread_add(p, tid);
	if (!t) {
		late_release(tid);
		return fault_set(fault, ENOMEM, "out-of-memory", "thread %d", tid);
	}
	t->virtual_tid = tid;
	return thread_settle(t, fault);
}

int process_adopt_child(pid_t pid, struct process **out, struct fault *fault)
{
	struct process *p = new_process(pid);
	int ret;

	*out = NULL;
	if (!p)
		return fault_set(fault, ENOMEM, "out-of-memory", "process %d", pid);
	ret = await_birth(pid, fault);
	if (ret < 0)
		goto err;
	if (!thread_add(p, pid)) {
		late_release(pid);
		ret = fault_set(fault, ENOMEM, "out-of-memory", "process %d", pid);
		goto err;
	}
	ret = identify(p, fault);
	if (!ret)
		ret = open_files(p, fault);
	if (!ret)
		ret = look_at_threads(p, fault);
	if (!ret)
		ret = settle_all(p, 0, monotonic_ns() + 1000000000ull, fault);
	if (ret < 0)
		goto err;
	*out = p;
	return 0;

err:
	stop_let_go(p);
	close_process(p);
	return ret;
}

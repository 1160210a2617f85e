#include "stop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../common/array.h"
#include "../common/membership.h"
#include "../common/proc.h"
#include "late.h"
#include "long_wait.h"
#include "seize.h"
#include "status.h"
#include "wait.h"

#define REPLACED_TRIES 20
#define REPLACED_NS 200000u
#define LOOK_EVERY_NS 2000000u /* at a thread that does not stop */

struct thread *thread_find(struct process *p, pid_t tid)
{
	size_t i;

	for (i = 0; i < p->thread_count; i++)
		if (p->threads[i].tid == tid)
			return &p->threads[i];
	return NULL;
}

struct thread *thread_add(struct process *p, pid_t tid)
{
	struct thread *more;

	/* Powers of two are where the room ends. */
	if (!(p->thread_count & (p->thread_count - 1))) {
		size_t room = p->thread_count ? 2 * p->thread_count : 1;

		more = realloc(p->threads, room * sizeof(*more));
		if (!more)
			return NULL;
		p->threads = more;
	}
	more = &p->threads[p->thread_count++];
	memset(more, 0, sizeof(*more));
	more->tid = tid;
	more->process = p;
	return more;
}

static struct thread *freezing_add(struct freezing *f, pid_t tid, enum stop_state state)
{
	enum stop_state *more =
		array_grow(f->states, f->process->thread_count, &f->capacity, sizeof(*more));

	if (!more)
		return NULL;
	f->states = more;
	f->states[f->process->thread_count] = state;
	return thread_add(f->process, tid);
}

static bool thread_is_zombie(pid_t tid)
{
	struct proc_stat stat;

	return !proc_stat(tid, &stat) && stat.state == 'Z';
}

/* A restart is known to run before it has let all of its processes go: their turn comes at once. */
static bool is_about_to_be_let_go(pid_t tid)
{
	struct proc_status status;
	struct proc_stat tracer;

	return !proc_status(tid, &status) && status.tracer && !proc_stat(status.tracer, &tracer) &&
	       !strcmp(tracer.comm, HOLDER_NAME);
}

static int attach(const struct freezing *f, pid_t tid)
{
	const struct timespec pause = { 0, LOOK_EVERY_NS };
	int error;

	while ((error = seize_guarded(f, tid))) {
		if (error == ESRCH || monotonic_ns() >= f->deadline_ns || !is_about_to_be_let_go(tid))
			return error;
		nanosleep(&pause, NULL);
	}
	return 0;
}

/*
 * A leader that is dead while another thread executes a program cannot be attached to, and is alive
 * again a moment later (fs/exec.c, de_thread): EPERM is believed only when it stays.
 */
static int attach_surely(const struct freezing *f, pid_t tid, struct proc_status *status)
{
	const struct timespec pause = { 0, REPLACED_NS };
	int error = attach(f, tid);

	for (int i = 0; i < REPLACED_TRIES && error == EPERM; i++) {
		if (proc_status(tid, status) < 0 || status->state == 'Z' || status->state == 'X' ||
		    status->tracer)
			break;
		nanosleep(&pause, NULL);
		error = attach(f, tid);
	}
	return error;
}

static int refuse_seize(struct freezing *f, pid_t tid, int error)
{
	struct proc_status status;

	if (!proc_status(tid, &status) && status.tracer)
		return fault_set(f->fault, EPERM, "not-allowed-to-trace",
				 "process %d is being traced by process %d (a debugger?)",
				 f->process->pid, status.tracer);
	return fault_set(f->fault, error, "not-allowed-to-trace",
			 "attaching to thread %d of process %d: %s", tid, f->process->pid,
			 strerror(error));
}

/* 1: a new thread is being stopped; 0: nothing to do for it; -errno with a fault. */
static int seize(struct freezing *f, pid_t tid)
{
	struct process *p = f->process;
	struct proc_status status;
	struct thread *t;
	int error;

	error = attach_surely(f, tid, &status);
	if (!error) {
		/* A group-stopped thread traps without it, and once more later: inject.c expects that. */
		ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
		t = freezing_add(f, tid, STOP_AWAITED);
		if (t)
			return 1;
		late_release(tid);
		return fault_set(f->fault, ENOMEM, "out-of-memory", "freezing process %d", p->pid);
	}
	if (error == ESRCH)
		return 0;
	if (proc_status(tid, &status) < 0 || status.state == 'X')
		return 0;
	if (status.state == 'Z') {
		if (tid != p->pid) {
			/* Born of a thread that we had seized and then killed: only we can reap it. */
			waitpid(tid, NULL, __WALL | WNOHANG);
			return 0;
		}
		t = freezing_add(f, tid, STOP_REACHED);
		if (!t)
			return fault_set(f->fault, ENOMEM, "out-of-memory", "freezing process %d",
					 p->pid);
		t->exited_leader = true;
		return 1;
	}
	if (status.tracer == (pid_t)syscall(SYS_gettid)) { /* born of a thread that we had seized */
		t = freezing_add(f, tid, STOP_AWAITED);
		return t ? 1 : fault_set(f->fault, ENOMEM, "out-of-memory",
					 "freezing process %d", p->pid);
	}
	if (error == ETIMEDOUT)
		return fault_set(f->fault, error, "freeze-timeout",
				 "thread %d of process %d is busy executing a program", tid, p->pid);
	return refuse_seize(f, tid, error);
}

/*
 * A stop other than the one that was asked for: a signal about to be delivered, or a clone or exec
 * event. Any stop takes a pending interrupt with it (kernel/signal.c, ptrace_stop): ask again.
 */
static void pass_stop(struct freezing *f, struct thread *t, int status)
{
	int event = status >> 16;
	unsigned long made;

	if (event == PTRACE_EVENT_CLONE &&
	    !ptrace(PTRACE_GETEVENTMSG, t->tid, NULL, &made)) {
		struct proc_status born;

		/* clone(2) with an odd exit signal makes a process: not ours yet, let it run. */
		if (!proc_status(made, &born) && born.tgid != f->process->pid)
			late_release(made);
	}
	ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
	ptrace(PTRACE_CONT, t->tid, NULL, event ? 0 : WSTOPSIG(status));
}

static int refuse_slow(struct freezing *f, struct thread *t)
{
	struct proc_stat stat;
	char *where = NULL;
	int ret;

	memset(&stat, 0, sizeof(stat));
	stat.state = '?';
	proc_stat(t->tid, &stat);
	proc_read_text(t->tid, "wchan", &where, NULL);
	ret = fault_set(f->fault, ETIMEDOUT, "freeze-timeout",
			"thread %d of process %d (%s) did not stop: state %c%s%s", t->tid,
			f->process->pid, stat.comm, stat.state, where ? ", in " : "",
			where ? where : "");
	free(where);
	return ret;
}

/* Whoever executes a program gets the number of the leader, whatever has become of that. */
static void expect_leader(struct freezing *f)
{
	struct process *p = f->process;

	late_forget(p->pid);
	for (size_t i = 0; i < p->thread_count; i++)
		if (p->threads[i].tid == p->pid) {
			p->threads[i].exited_leader = false;
			f->states[i] = STOP_AWAITED;
		}
}

/*
 * No change is to come of a thread that we trace: its end only we can take from the kernel, so it lives
 * on under another number.
 */
static void note_absence(struct freezing *f, size_t i)
{
	f->states[i] = STOP_GONE;
	if (f->process->threads[i].tid != f->process->pid)
		expect_leader(f);
}

/* What waitpid(2) has told of a thread; one that is stopped already can only die, or be replaced. */
static void note_change(struct freezing *f, size_t i, int status)
{
	struct thread *t = &f->process->threads[i];

	if (!WIFSTOPPED(status)) {
		f->states[i] = STOP_GONE;
	} else if (f->states[i] != STOP_AWAITED && status >> 16 != PTRACE_EVENT_EXEC) {
		return;
	} else if (is_event_stop(status)) {
		t->stop_signal = group_stop_signal(status);
		t->group_stopped = t->stop_signal != 0;
		f->states[i] = STOP_REACHED;
	} else {
		f->states[i] = STOP_AWAITED;
		pass_stop(f, t, status);
	}
}

/*
 * A thread in execve(2) waits until the others of its process have been reaped (fs/exec.c,
 * de_thread), and those that we trace nobody can reap but us.
 */
static void reap_others(struct freezing *f, size_t but)
{
	int status;

	for (size_t i = 0; i < f->process->thread_count; i++) {
		pid_t tid = f->process->threads[i].tid;

		if (i != but && f->states[i] != STOP_GONE &&
		    !f->process->threads[i].exited_leader &&
		    waitpid(tid, &status, __WALL | WNOHANG) == tid)
			note_change(f, i, status);
	}
}

static int await_stop(struct freezing *f, size_t i)
{
	while (f->states[i] == STOP_AWAITED) {
		struct thread *t = &f->process->threads[i];
		uint64_t now = monotonic_ns();
		uint64_t until = now + LOOK_EVERY_NS;
		int status, ret;

		if (until > f->deadline_ns)
			until = f->deadline_ns;
		ret = wait_for_change(t->tid, until, &status);
		if (!ret) {
			note_change(f, i, status);
			continue;
		}
		if (ret == -ECHILD) {
			note_absence(f, i);
			return 0;
		}
		/* A leader that exits first tells nobody before the last thread has ended. */
		if (t->tid == f->process->pid && thread_is_zombie(t->tid)) {
			t->exited_leader = true;
			f->states[i] = STOP_REACHED;
			late_release(t->tid);
			return 0;
		}
		if (until == f->deadline_ns)
			return refuse_slow(f, t);
		reap_others(f, i);
	}
	return 0;
}

/* Seizes what is new and waits for all of it. How many were new, or -errno. */
static ssize_t freeze_pass(struct freezing *f, bool *complete)
{
	struct process *p = f->process;
	struct pid_list tids = { 0 };
	struct proc_stat stat;
	size_t i, count, missed = 0;
	ssize_t fresh = 0;
	int ret;

	ret = proc_threads(p->pid, &tids);
	if (ret < 0)
		fault_set(f->fault, -ret, "no-such-process", "process %d: %s", p->pid,
			  strerror(-ret));
	for (i = 0; i < tids.count && ret >= 0; i++) {
		if (thread_find(p, tids.pids[i]))
			continue;
		ret = seize(f, tids.pids[i]);
		fresh += ret > 0;
		missed += !ret; /* it has ended; what it has made before may not be in this listing */
	}
	count = tids.count;
	pid_list_free(&tids);
	for (i = 0; i < p->thread_count && ret >= 0; i++)
		if (f->states[i] == STOP_AWAITED)
			ret = await_stop(f, i);
	if (ret < 0)
		return ret;
	/* Threads that end while /proc/PID/task is being read can hide others from it. */
	ret = proc_stat(p->pid, &stat);
	*complete = !ret && !fresh && !missed && stat.threads == count;
	for (i = 0; i < p->thread_count; i++)
		*complete &= f->states[i] != STOP_AWAITED; /* of a leader that was replaced */
	return fresh;
}

static void drop_gone(struct freezing *f)
{
	struct process *p = f->process;
	size_t i, kept = 0;

	for (i = 0; i < p->thread_count; i++)
		if (f->states[i] != STOP_GONE) {
			f->states[kept] = f->states[i];
			p->threads[kept++] = p->threads[i];
		} else {
			free(p->threads[i].status);
		}
	p->thread_count = kept;
}

int stop_all(struct freezing *f)
{
	struct process *p = f->process;
	bool complete = false;

	do {
		ssize_t fresh = freeze_pass(f, &complete);

		if (fresh < 0)
			return fresh;
		drop_gone(f); /* before the next listing: the kernel may give its number to another */
		if (monotonic_ns() >= f->deadline_ns && !complete)
			return fault_set(f->fault, ETIMEDOUT, "freeze-timeout",
					 "process %d makes new threads faster than they stop",
					 p->pid);
	} while (!complete);
	if (!p->thread_count || p->threads[0].tid != p->pid) {
		struct thread *leader = thread_find(p, p->pid), first;

		if (!leader)
			return fault_set(f->fault, ESRCH, "no-such-process",
					 "process %d has ended", p->pid);
		first = p->threads[0];
		p->threads[0] = *leader;
		*leader = first;
	}
	return 0;
}

int stop_one(struct freezing *f, pid_t tid)
{
	int ret = seize(f, tid);

	if (ret > 0)
		ret = await_stop(f, 0);
	if (ret < 0)
		return ret;
	drop_gone(f);
	if (!f->process->thread_count || f->process->threads[0].exited_leader)
		return fault_set(f->fault, ESRCH, "no-such-process", "thread %d has ended", tid);
	return 0;
}

void stop_let_go(struct process *p)
{
	size_t i;

	for (i = 0; i < p->thread_count; i++) {
		struct thread *t = &p->threads[i];

		if (t->exited_leader || t->gone)
			continue;
		long_wait_goes_on(t);
		if (ptrace(PTRACE_DETACH, t->tid, NULL, NULL) < 0)
			late_release(t->tid); /* not stopped yet, or dead and to be reaped */
	}
}

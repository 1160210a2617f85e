#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../trace/status.h"
#include "records.h"
#include "timers.h"

#define SIGNALS 64

/* The kernel's own form, asm/signal.h: the C library's hides 32, 33 and the restorer. */
struct kernel_sigaction {
	uint64_t handler;
	uint64_t flags;
	uint64_t restorer;
	uint64_t mask;
};

struct sigactions_record { /* RECORD_SIGACTIONS: [n - 1] is signal n */
	struct kernel_sigaction actions[SIGNALS];
};

struct pending_record { /* RECORD_PENDING_SIGNAL, in the order of their delivery */
	int32_t virtual_tid; /* 0: to the process as a whole */
	uint32_t reserved;
	uint8_t siginfo[128];
};

static int capture_actions(struct capture *c, struct thread *t)
{
	struct sigactions_record record = { 0 };
	struct batch_call calls[SIGNALS];
	uint64_t scratch, wanted;
	size_t count = 0;
	int signal, ret;

	/* SA_NOCLDWAIT and SA_NOCLDSTOP may hide behind a SIGCHLD that is not caught. */
	wanted = t->status->caught | t->status->ignored | 1ull << (SIGCHLD - 1);
	ret = inject_scratch(t, &scratch, c->fault);
	if (ret < 0)
		return ret;
	for (signal = 1; signal <= SIGNALS; signal++)
		if (wanted & 1ull << (signal - 1))
			calls[count++] = (struct batch_call){
				SYS_rt_sigaction,
				{ signal, 0,
				  scratch + (signal - 1) * sizeof(struct kernel_sigaction),
				  sizeof(uint64_t) }, 0 };
	ret = inject_calls(t, calls, count);
	for (size_t i = 0; i < count && ret >= 0; i++)
		ret = (int)calls[i].result;
	if (ret >= 0)
		ret = process_read(t->process, scratch, &record, sizeof(record));
	if (ret < 0)
		return ret;
	for (signal = 1; signal <= SIGNALS; signal++) /* the scratch page may hold older things */
		if (!(wanted & 1ull << (signal - 1)))
			memset(&record.actions[signal - 1], 0, sizeof(record.actions[0]));
	record_append(c->records, RECORD_SIGACTIONS, &record, sizeof(record), NULL, 0);
	return 0;
}

static int peek_queue(struct thread *t, bool shared, struct buffer *records)
{
	struct __ptrace_peeksiginfo_args args = {
		.flags = shared ? PTRACE_PEEKSIGINFO_SHARED : 0,
		.nr = 16,
	};
	siginfo_t list[16];
	long got, i;

	for (;;) {
		got = ptrace(PTRACE_PEEKSIGINFO, t->tid, &args, list);
		if (got < 0)
			return -errno;
		for (i = 0; i < got; i++) {
			struct pending_record record = {
				.virtual_tid = shared ? 0 : t->virtual_tid,
			};

			memcpy(record.siginfo, &list[i], sizeof(record.siginfo));
			record_append(records, RECORD_PENDING_SIGNAL, &record, sizeof(record), NULL,
				      0);
		}
		if (got < args.nr)
			return 0;
		args.off += got;
	}
}

int signals_peek_pending(struct process *p, struct buffer *records)
{
	size_t i;
	int ret = 0;

	for (i = 0; i < p->thread_count && !ret; i++)
		if (!p->threads[i].exited_leader)
			ret = peek_queue(&p->threads[i], false, records);
	return ret ? ret : peek_queue(process_live_thread(p), true, records);
}

static int capture(struct capture *c)
{
	struct process *p = c->process;
	struct thread *t = process_live_thread(p);
	int ret, end;

	if (!t)
		return 0;
	ret = inject_begin(t, c->fault);
	if (ret < 0)
		return ret;
	ret = capture_actions(c, t);
	end = inject_end(t);
	if (!ret)
		ret = end;
	if (ret < 0)
		return fault_set(c->fault, -ret, "internal", "signals of process %d: %s", p->pid,
				 strerror(-ret));
	return 0;
}

static bool read_actions(struct rebuilt_process *p, struct sigactions_record *record)
{
	const struct record *r = record_find(p->records, RECORD_SIGACTIONS, NULL);

	if (r)
		record_head(r, record, sizeof(*record));
	return r;
}

/* All signals stay blocked until the process's own code runs: handlers may point anywhere yet. */
static int restore_inside(struct rebuilt_process *p)
{
	struct sigactions_record record;
	int signal;

	if (!read_actions(p, &record))
		return 0;
	for (signal = 1; signal <= SIGNALS; signal++) {
		if (signal == SIGKILL || signal == SIGSTOP)
			continue;
		if (syscall(SYS_rt_sigaction, signal, &record.actions[signal - 1], NULL,
			    sizeof(uint64_t)) < 0)
			return fault_set(p->fault, errno, "internal", "handler of signal %d: %s",
					 signal, strerror(errno));
	}
	return 0;
}

/*
 * Once more the one for traps: batched calls end in one while it is blocked, and the kernel then
 * takes the handler away (kernel/signal.c, force_sig_info_to_task).
 */
static int restore_trap_action(struct rebuilt_process *p, struct thread *t)
{
	struct sigactions_record record;
	uint64_t scratch;
	long result;
	int ret;

	if (!read_actions(p, &record))
		return 0;
	ret = inject_scratch(t, &scratch, p->fault);
	if (!ret)
		ret = process_write(t->process, scratch, &record.actions[SIGTRAP - 1],
				    sizeof(record.actions[0]));
	if (!ret)
		ret = inject_syscall(t, &result, SYS_rt_sigaction, SIGTRAP, scratch, 0,
				     sizeof(uint64_t), 0, 0);
	return ret < 0 ? ret : (int)result;
}

/* Sent by somebody, or typed: the process has stood still and waited, perhaps for long. */
static bool is_from_outside(const siginfo_t *info)
{
	if (info->si_code == SI_KERNEL)
		return info->si_signo == SIGINT || info->si_signo == SIGQUIT ||
		       info->si_signo == SIGTSTP;
	return info->si_code == SI_USER || info->si_code == SI_QUEUE || info->si_code == SI_TKILL;
}

/*
 * What the restore itself has raised goes: ends of children that are part of building the tree,
 * readiness of files. Others' go to @others. All are taken: the older ones of the image come first.
 */
static int take_pending(struct thread *t, uint64_t scratch, struct buffer *others)
{
	struct proc_status status;
	uint64_t all = ~0ull;
	struct timespec none = { 0, 0 };
	struct pending_record taken = { 0 };
	const uint64_t time = scratch + sizeof(all), place = time + sizeof(none);
	siginfo_t info;
	long result = 0;
	int ret = proc_status(t->tid, &status);

	if (ret < 0 || !(status.pending | status.shared_pending))
		return ret;
	ret = process_write(t->process, scratch, &all, sizeof(all));
	if (!ret)
		ret = process_write(t->process, time, &none, sizeof(none));
	while (!ret) {
		ret = inject_syscall(t, &result, SYS_rt_sigtimedwait, scratch, place, time,
				     sizeof(all), 0, 0);
		if (ret || result < 0) /* EAGAIN: none is left */
			break;
		ret = process_read(t->process, place, taken.siginfo, sizeof(taken.siginfo));
		memcpy(&info, taken.siginfo, sizeof(info));
		taken.virtual_tid = info.si_code == SI_TKILL ? t->virtual_tid : 0;
		if (!ret && is_from_outside(&info))
			buffer_append(others, &taken, sizeof(taken));
	}
	return ret;
}

static struct thread *virtual_thread(struct process *p, pid_t virtual_tid)
{
	size_t i;

	for (i = 0; i < p->thread_count; i++)
		if (p->threads[i].virtual_tid == virtual_tid)
			return &p->threads[i];
	return NULL;
}

/* To itself a thread may send any si_code, also the kernel's own (kernel/signal.c). */
static int queue_signal(struct rebuilt_process *p, const struct pending_record *pending)
{
	struct thread *t = pending->virtual_tid ?
		virtual_thread(p->process, pending->virtual_tid) : process_live_thread(p->process);
	siginfo_t info;
	uint64_t scratch;
	long result = 0;
	int ret, end;

	memcpy(&info, pending->siginfo, sizeof(info));
	if (!t || t->exited_leader || posix_timer_sends_again(p->records, &info))
		return 0;
	ret = inject_begin(t, p->fault);
	if (ret < 0)
		return ret;
	ret = inject_scratch(t, &scratch, p->fault);
	if (!ret)
		ret = process_write(t->process, scratch, &info, sizeof(info));
	if (!ret && pending->virtual_tid)
		ret = inject_syscall(t, &result, SYS_rt_tgsigqueueinfo, p->process->virtual_pid,
				     t->virtual_tid, info.si_signo, scratch, 0, 0);
	else if (!ret)
		ret = inject_syscall(t, &result, SYS_rt_sigqueueinfo, p->process->virtual_pid,
				     info.si_signo, scratch, 0, 0, 0);
	end = inject_end(t);
	if (!ret)
		ret = end;
	if (!ret)
		ret = result;
	if (ret < 0)
		return fault_set(p->fault, -ret, "internal",
				 "pending signal %d of process %d: %s", info.si_signo,
				 p->process->virtual_pid, strerror(-ret));
	return 0;
}

static int queue_all(struct rebuilt_process *p, const struct buffer *others)
{
	const struct record *r = NULL;
	struct pending_record pending;
	size_t at;
	int ret = 0;

	while (!ret && (r = record_find(p->records, RECORD_PENDING_SIGNAL, r))) {
		record_head(r, &pending, sizeof(pending));
		ret = queue_signal(p, &pending);
	}
	for (at = 0; !ret && at < others->bytes; at += sizeof(pending)) {
		memcpy(&pending, others->data + at, sizeof(pending));
		ret = queue_signal(p, &pending);
	}
	return ret;
}

static int restore_last(struct rebuilt_process *p)
{
	struct thread *t = process_live_thread(p->process);
	struct buffer others = { 0 };
	uint64_t scratch;
	int ret, end;

	if (!t)
		return 0;
	ret = inject_begin(t, p->fault);
	if (ret < 0)
		return ret;
	ret = restore_trap_action(p, t);
	if (!ret)
		ret = inject_scratch(t, &scratch, p->fault);
	if (!ret)
		ret = take_pending(t, scratch, &others);
	end = inject_end(t);
	if (!ret)
		ret = end;
	if (!ret && others.failed)
		ret = -ENOMEM;
	if (ret < 0)
		fault_set(p->fault, -ret, "internal", "signals of process %d: %s",
			  p->process->virtual_pid, strerror(-ret));
	else
		ret = queue_all(p, &others);
	buffer_free(&others);
	return ret;
}

const struct resource resource_signals = {
	.name = "signals",
	.capture = capture,
	.restore_inside = restore_inside,
	.restore_last = restore_last,
};

#include "seccomp.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../common/proc.h"
#include "../trace/status.h"
#include "records.h"

#ifndef PTRACE_SECCOMP_GET_METADATA
#define PTRACE_SECCOMP_GET_METADATA 0x420d
#endif
#ifndef PTRACE_O_SUSPEND_SECCOMP
#define PTRACE_O_SUSPEND_SECCOMP (1 << 21)
#endif

#define FIRST_USER_NAMESPACE 0xEFFFFFFDu /* its inode number, linux/proc_ns.h */
#define INSTRUCTIONS_AT_MOST 4096u       /* BPF_MAXINSNS */

struct seccomp_record { /* RECORD_SECCOMP: oldest filter first; struct sock_filter[] is the tail */
	int32_t virtual_tid;
	uint32_t mode; /* 1: strict, no tail; 2: one filter */
	uint64_t flags; /* SECCOMP_FILTER_FLAG_LOG */
};

struct filter_metadata { /* struct seccomp_metadata, linux/ptrace.h */
	uint64_t number, flags;
};

/* What ptrace(2) asks of those who suspend or read filters. */
static bool may_suspend(const struct proc_status *ours)
{
	struct stat namespace;

	return !ours->seccomp && ours->caps_effective >> CAP_SYS_ADMIN & 1 &&
	       !stat("/proc/self/ns/user", &namespace) && namespace.st_ino == FIRST_USER_NAMESPACE;
}

/* Without a filter of its own: none, or just those under which we run as well (a container's). */
static bool is_unfiltered(const struct proc_status *status, const struct proc_status *ours)
{
	return !status->seccomp ||
	       (status->seccomp == SECCOMP_MODE_FILTER && status->seccomp_filters &&
		status->seccomp_filters == ours->seccomp_filters);
}

static int refuse(pid_t pid, const char *id, const char *how, struct fault *fault)
{
	struct proc_stat stat = { 0 };

	proc_stat(pid, &stat);
	return fault_set(fault, EOPNOTSUPP, id, "process %d (%s) runs %s", pid, stat.comm, how);
}

static int check(pid_t pid, struct fault *fault)
{
	struct pid_list tids = { 0 };
	struct proc_status ours, status;
	bool suspends;
	size_t i;
	int ret = 0;

	if (proc_status(getpid(), &ours) || proc_threads(pid, &tids))
		return 0;
	suspends = may_suspend(&ours);
	/* Then filters do not matter, and strict mode is looked for in the first thread alone. */
	for (i = 0; i < (suspends ? 1 : tids.count) && i < tids.count && !ret; i++) {
		if (proc_status(tids.pids[i], &status))
			continue;
		if (status.seccomp == SECCOMP_MODE_STRICT)
			ret = refuse(pid, "not-supported", "in strict seccomp mode, which kills its "
				     "copy", fault);
		else if (!suspends && !is_unfiltered(&status, &ours))
			ret = refuse(pid, "seccomp-filtered",
				     "under a seccomp filter, which only root can read", fault);
	}
	pid_list_free(&tids);
	return ret;
}

/* ---- capture ---- */

static int capture_filter(struct capture *c, struct thread *t, unsigned int index)
{
	struct seccomp_record record = { .virtual_tid = t->virtual_tid,
					 .mode = SECCOMP_MODE_FILTER };
	struct sock_filter program[INSTRUCTIONS_AT_MOST];
	struct filter_metadata metadata = { .number = index };
	long count = ptrace(PTRACE_SECCOMP_GET_FILTER, t->tid, index, program);

	if (count < 0)
		return -errno; /* EMEDIUMTYPE: an eBPF program, which nobody can read */
	if (ptrace(PTRACE_SECCOMP_GET_METADATA, t->tid, sizeof(metadata), &metadata) >= 0)
		record.flags = metadata.flags & SECCOMP_FILTER_FLAG_LOG;
	record_append(c->records, RECORD_SECCOMP, &record, sizeof(record), program,
		      count * sizeof(program[0]));
	return 0;
}

static int capture_thread(struct capture *c, struct thread *t, const struct proc_status *ours)
{
	struct seccomp_record strict = { .virtual_tid = t->virtual_tid,
					 .mode = SECCOMP_MODE_STRICT };
	int index, ret = 0;

	if (t->exited_leader || !t->seccomp_suspended)
		return 0;
	if (t->status->seccomp == SECCOMP_MODE_STRICT) {
		record_append(c->records, RECORD_SECCOMP, &strict, sizeof(strict), NULL, 0);
		return 0;
	}
	/* Number 0 is the youngest; the oldest are those that we, and a restart here, have too. */
	for (index = t->status->seccomp_filters - ours->seccomp_filters - 1; index >= 0 && !ret;
	     index--)
		ret = capture_filter(c, t, index);
	if (ret < 0)
		return fault_set(c->fault, EOPNOTSUPP, "seccomp-filtered",
				 "a seccomp filter of process %d cannot be read: %s",
				 c->process->pid, strerror(-ret));
	return 0;
}

static int capture(struct capture *c)
{
	struct proc_status ours;
	size_t i;
	int ret = 0;

	for (i = 0; i < c->process->thread_count && !ret; i++) {
		struct thread *t = &c->process->threads[i];

		if (!t->seccomp_suspended)
			continue;
		ret = proc_status(getpid(), &ours);
		if (!ret)
			ret = capture_thread(c, t, &ours);
	}
	return ret;
}

/* ---- restore ---- */

static int verify(struct image_reader *image, struct fault *fault)
{
	struct proc_status ours;

	if (!record_find(&image->records, RECORD_SECCOMP, NULL) || proc_status(getpid(), &ours) ||
	    may_suspend(&ours))
		return 0;
	return fault_set(fault, EPERM, "seccomp-filtered",
			 "%s (%d) ran under a seccomp filter, which only root can put back",
			 image->header.program, image->header.virtual_pid);
}

static int install(struct rebuilt_process *p, struct thread *t, const struct record *r)
{
	struct seccomp_record record;
	struct sock_fprog program = { 0 };
	uint64_t scratch;
	const void *tail;
	size_t bytes;
	long result;
	int ret, end;

	record_head(r, &record, sizeof(record));
	tail = record_tail(r, sizeof(record), &bytes);
	/* From here on our own calls must not meet it. */
	if (ptrace(PTRACE_SETOPTIONS, t->tid, NULL,
		   PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
		   PTRACE_O_SUSPEND_SECCOMP) < 0)
		return -errno;
	t->seccomp_suspended = true;
	ret = inject_begin(t, p->fault);
	if (ret < 0)
		return ret;
	ret = inject_scratch(t, &scratch, p->fault);
	program.len = bytes / sizeof(struct sock_filter);
	program.filter = (void *)(scratch + sizeof(program));
	if (!ret)
		ret = process_write(t->process, scratch, &program, sizeof(program));
	if (!ret)
		ret = process_write(t->process, scratch + sizeof(program), tail, bytes);
	if (!ret && record.mode == SECCOMP_MODE_STRICT)
		ret = inject_syscall(t, &result, SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0,
				     0, 0, 0);
	else if (!ret)
		ret = inject_syscall(t, &result, SYS_seccomp, SECCOMP_SET_MODE_FILTER, record.flags,
				     scratch, 0, 0, 0);
	if (!ret)
		ret = result;
	end = inject_end(t);
	return ret ? ret : end;
}

/* Before the capabilities go: a filter without "no new privileges" takes CAP_SYS_ADMIN. */
static int restore_outside(struct rebuilt_process *p)
{
	const struct record *r = NULL;
	int ret = 0;

	while (!ret && (r = record_find(p->records, RECORD_SECCOMP, r))) {
		struct seccomp_record record;
		size_t i;

		record_head(r, &record, sizeof(record));
		for (i = 0; i < p->process->thread_count && !ret; i++)
			if (p->process->threads[i].virtual_tid == record.virtual_tid)
				ret = install(p, &p->process->threads[i], r);
	}
	if (ret < 0)
		return fault_set(p->fault, -ret, "seccomp-filtered",
				 "a seccomp filter of %s cannot be put back: %s",
				 p->image->header.program, strerror(-ret));
	return 0;
}

const struct resource resource_seccomp = {
	.name = "seccomp",
	.check = check,
	.capture = capture,
	.verify = verify,
	.restore_outside = restore_outside,
};

#include "threads.h"

#include <elf.h>
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../common/proc.h"
#include "../descriptor/descriptor.h"
#include "../trace/status.h"
#include "cpu.h"
#include "interrupted_call.h"
#include "numa.h"
#include "records.h"
#include "scheduling.h"
#include "thread_calls.h"

#ifndef PR_GET_TID_ADDRESS
#define PR_GET_TID_ADDRESS 40
#endif
#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27
#endif

#define XSTATE_BYTES_AT_MOST 16384u
#define RSEQ_UNREGISTER 1
#define RSEQ_ORIGINAL_BYTES 32u
#define ROBUST_LIST_BYTES 24u

enum { /* thread_record.flags */
	THREAD_EXITED_LEADER = 1,
	THREAD_GROUP_STOPPED = 2,
	THREAD_NO_NEW_PRIVILEGES = 4,
};

struct thread_record { /* RECORD_THREAD, the leader first */
	int32_t virtual_tid;
	uint32_t flags;
	int32_t stop_signal; /* of THREAD_GROUP_STOPPED */
	int32_t exit_code;   /* of THREAD_EXITED_LEADER: a wait status */
	struct user_regs_struct regs;
	uint64_t sigmask;
	uint64_t rseq_address;
	uint32_t rseq_bytes, rseq_signature, rseq_flags;
	int32_t parent_death_signal;
	uint64_t tid_address; /* set_tid_address(2) */
	uint64_t robust_list;
	uint64_t timer_slack_ns;
	stack_t signal_stack;
	char name[16];
	struct scheduling scheduling;
	struct syscall_dispatch dispatch;
	int32_t time_stamp_mode;     /* PR_GET_TSC; 0: not told */
	int32_t memory_error_policy; /* PR_MCE_KILL_GET, and 1; 0: not told */
};

struct xstate_record { /* RECORD_XSTATE; the registers are the tail */
	int32_t virtual_tid;
	uint32_t bytes;
};

/* ---- check ---- */

/* kcmp(2), linux/kcmp.h */
#define KCMP_FILES_TYPE 2
#define KCMP_FS_TYPE 3
#define PF_EXITING 0x4u /* linux/sched.h; "flags" of /proc/PID/stat */

static bool is_ending(pid_t tid)
{
	struct proc_stat stat;

	return proc_stat(tid, &stat) || stat.flags & PF_EXITING;
}

/* A thread with one of its own, after unshare(2): a restored one would have what all have. */
static int check_shared(pid_t pid, pid_t tid, pid_t other, int type, const char *what,
			struct fault *fault)
{
	/* Who is not ending yet had not given anything up before. */
	if (syscall(SYS_kcmp, tid, other, type, 0, 0) <= 0 || is_ending(tid) || is_ending(other))
		return 0;
	return fault_set(fault, EOPNOTSUPP, "not-supported",
			 "thread %d of process %d has %s of its own", tid, pid, what);
}

static int check(pid_t pid, struct fault *fault)
{
	struct pid_list tids = { 0 };
	pid_t other = pid;
	size_t i;
	int ret = 0;

	if (proc_threads(pid, &tids))
		return 0;
	if (is_ending(pid) && tids.count)
		other = tids.pids[tids.count - 1];
	for (i = 0; i < tids.count && !ret; i++) {
		if (tids.pids[i] == other)
			continue;
		ret = check_shared(pid, tids.pids[i], other, KCMP_FILES_TYPE, "descriptors", fault);
		if (!ret)
			ret = check_shared(pid, tids.pids[i], other, KCMP_FS_TYPE,
					   "a current directory", fault);
	}
	pid_list_free(&tids);
	return ret;
}

/* ---- capture ---- */

static int ask_thread(struct thread *t, struct thread_record *record, struct fault *fault)
{
	struct {
		uint64_t tid_address, parent_death_signal;
		stack_t signal_stack;
		int time_stamp_mode;
	} told = { 0 };
	uint64_t scratch;
	int ret = inject_scratch(t, &scratch, fault);
	struct batch_call calls[] = {
		{ SYS_prctl, { PR_GET_TID_ADDRESS, scratch }, 0 },
		{ SYS_prctl, { PR_GET_PDEATHSIG, scratch + 8 }, 0 },
		{ SYS_sigaltstack, { 0, scratch + 16 }, 0 },
		{ SYS_prctl, { PR_GET_TIMERSLACK }, 0 },
		{ SYS_prctl, { PR_MCE_KILL_GET }, 0 },
		{ SYS_prctl, { PR_GET_TSC, scratch + offsetof(typeof(told), time_stamp_mode) }, 0 },
	};

	if (!ret)
		ret = inject_calls(t, calls, sizeof(calls) / sizeof(calls[0]));
	if (!ret && calls[0].result < 0)
		return fault_set(fault, (int)-calls[0].result, "not-supported",
				 "this kernel does not tell a thread's tid address "
				 "(CONFIG_CHECKPOINT_RESTORE)");
	if (!ret)
		ret = process_read(t->process, scratch, &told, sizeof(told));
	record->tid_address = told.tid_address;
	record->parent_death_signal = (int32_t)told.parent_death_signal;
	record->signal_stack = told.signal_stack;
	record->timer_slack_ns = calls[3].result;
	record->memory_error_policy = calls[4].result < 0 ? 0 : (int32_t)calls[4].result + 1;
	record->time_stamp_mode = told.time_stamp_mode;
	return ret;
}

static int capture_xstate(struct capture *c, struct thread *t)
{
	struct xstate_record record = { .virtual_tid = t->virtual_tid };
	uint8_t area[XSTATE_BYTES_AT_MOST];
	struct iovec where = { area, sizeof(area) };

	if (ptrace(PTRACE_GETREGSET, t->tid, NT_X86_XSTATE, &where) < 0)
		return -errno;
	record.bytes = where.iov_len;
	record_append(c->records, RECORD_XSTATE, &record, sizeof(record), area, where.iov_len);
	return 0;
}

/* From its own file: /proc/TID/stat would add up the times of all threads for each of them. */
static int read_name(struct thread *t, char name[16])
{
	char *text;
	size_t bytes;
	int ret = proc_read_text(t->tid, "comm", &text, &bytes);

	if (ret < 0)
		return ret;
	/* A newline ends it, and may also be part of it. */
	memcpy(name, text, !bytes ? 0 : bytes - 1 < 15 ? bytes - 1 : 15);
	free(text);
	return 0;
}

static int capture_thread(struct capture *c, struct thread *t, int processors)
{
	struct thread_record record = {
		.virtual_tid = t->virtual_tid,
		.flags = t->group_stopped ? THREAD_GROUP_STOPPED : 0,
		.stop_signal = t->stop_signal,
		.regs = t->regs,
		.sigmask = t->sigmask,
		.rseq_address = t->rseq_address,
		.rseq_bytes = t->rseq_bytes,
		.rseq_signature = t->rseq_signature,
		.rseq_flags = t->rseq_flags,
		.dispatch = t->dispatch,
	};
	size_t robust_bytes;
	int ret, end;

	ret = read_name(t, record.name);
	if (ret < 0)
		return ret;
	if (t->status && t->status->no_new_privileges)
		record.flags |= THREAD_NO_NEW_PRIVILEGES;
	if (t->exited_leader) {
		struct proc_stat stat;

		ret = proc_stat(t->tid, &stat);
		if (ret < 0)
			return ret;
		record.flags |= THREAD_EXITED_LEADER;
		record.exit_code = stat.exit_code;
		record_append(c->records, RECORD_THREAD, &record, sizeof(record), NULL, 0);
		return 0;
	}
	if (syscall(SYS_get_robust_list, t->tid, &record.robust_list, &robust_bytes) < 0)
		return -errno;
	ret = scheduling_read(t->tid, processors, &record.scheduling);
	if (!ret)
		ret = inject_begin(t, c->fault);
	if (ret < 0)
		return ret;
	ret = ask_thread(t, &record, c->fault);
	if (!ret)
		ret = numa_capture_thread(c, t);
	end = inject_end(t);
	if (ret || end)
		return ret ? ret : end;
	record_append(c->records, RECORD_THREAD, &record, sizeof(record), NULL, 0);
	return capture_xstate(c, t);
}

static int capture(struct capture *c)
{
	struct process *p = c->process;
	int processors = get_nprocs();
	size_t i;

	for (i = 0; i < p->thread_count; i++) {
		int ret = capture_thread(c, &p->threads[i], processors);

		if (ret < 0)
			return fault_set(c->fault, -ret, "internal", "thread %d of process %d: %s",
					 p->threads[i].tid, p->pid, strerror(-ret));
	}
	return 0;
}

/* ---- restore, in the new process ---- */

/* What its C library has registered for the thread that it was, and that is about to vanish. */
static void forget_registrations(void)
{
	void *area = (char *)__builtin_thread_pointer() + __rseq_offset;
	unsigned long sizes[] = { __rseq_size, RSEQ_ORIGINAL_BYTES, getauxval(AT_RSEQ_FEATURE_SIZE) };
	stack_t none = { .ss_flags = SS_DISABLE };
	size_t i;

	/* The size must be that of the registration: 32 at least, or what the kernel offers. */
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (sizes[i] && !syscall(SYS_rseq, area, (sizes[i] + 31) & ~31ul, RSEQ_UNREGISTER,
					 RSEQ_SIG))
			break;
	syscall(SYS_set_robust_list, NULL, ROBUST_LIST_BYTES);
	syscall(SYS_set_tid_address, NULL);
	syscall(SYS_sigaltstack, &none, NULL);
}

static int restore_inside(struct rebuilt_process *p)
{
	(void)p;
	forget_registrations();
	return 0;
}

/* ---- restore, from outside ---- */

/* A thread with the number that it had; it is stopped before its first instruction. */
static int create_thread(struct rebuilt_process *p, pid_t virtual_tid)
{
	struct {
		struct clone_args args;
		pid_t tid;
	} request = {
		.args = {
			.flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
				 CLONE_SYSVSEM,
			.set_tid_size = 1,
		},
		.tid = virtual_tid,
	};
	struct thread *leader = &p->process->threads[0];
	uint64_t scratch;
	long result;
	int ret = inject_scratch(leader, &scratch, p->fault);

	if (ret < 0)
		return ret;
	request.args.set_tid = scratch + offsetof(typeof(request), tid);
	ret = process_write(p->process, scratch, &request, sizeof(request));
	if (!ret)
		ret = inject_syscall(leader, &result, SYS_clone3, scratch, sizeof(request.args), 0, 0,
				     0, 0);
	if (!ret && result < 0)
		ret = result;
	if (ret < 0)
		return fault_set(p->fault, -ret, ret == -EEXIST ? "pid-taken" : "internal",
				 "thread %d of %s cannot be made: %s", virtual_tid,
				 p->image->header.program, strerror(-ret));
	return process_adopt_thread(p->process, result, p->fault);
}

struct arguments { /* what the calls point at */
	char name[16];
	stack_t stack;
};

static int register_all(struct calls *c, const struct thread_record *record,
			const struct thread_record *creator)
{
	struct arguments arguments = { .stack = record->signal_stack };
	int ret;

	memcpy(arguments.name, record->name, sizeof(arguments.name));
	arguments.stack.ss_flags &= ~SS_ONSTACK;
	ret = process_write(c->thread->process, c->text, &arguments, sizeof(arguments));
	if (ret < 0)
		return ret;
	if (record->tid_address)
		calls_add(c, "tid address", SYS_set_tid_address, record->tid_address, 0, 0, 0);
	if (record->robust_list)
		calls_add(c, "robust list", SYS_set_robust_list, record->robust_list,
			 ROBUST_LIST_BYTES, 0, 0);
	if (record->rseq_address)
		calls_add(c, "rseq", SYS_rseq, record->rseq_address, record->rseq_bytes,
			 record->rseq_flags, record->rseq_signature);
	if (!(arguments.stack.ss_flags & SS_DISABLE))
		calls_add(c, "signal stack", SYS_sigaltstack,
			 c->text + offsetof(struct arguments, stack), 0, 0, 0);
	if (!creator || memcmp(record->name, creator->name, sizeof(record->name)))
		calls_add(c, "name", SYS_prctl, PR_SET_NAME,
			 c->text + offsetof(struct arguments, name), 0, 0);
	if (!creator || record->timer_slack_ns != creator->timer_slack_ns)
		calls_add(c, "timer slack", SYS_prctl, PR_SET_TIMERSLACK, record->timer_slack_ns, 0,
			 0);
	if (record->memory_error_policy && record->memory_error_policy != PR_MCE_KILL_DEFAULT + 1)
		calls_add(c, "memory error policy", SYS_prctl, PR_MCE_KILL, PR_MCE_KILL_SET,
			 record->memory_error_policy - 1, 0);
	if (record->time_stamp_mode == PR_TSC_SIGSEGV)
		calls_add(c, "time stamp counter", SYS_prctl, PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0);
	if (record->flags & THREAD_NO_NEW_PRIVILEGES)
		calls_add(c, "no_new_privs", SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0);
	return calls_make(c);
}

static int put_xstate(struct rebuilt_process *p, struct thread *t)
{
	const struct record *r = NULL;
	struct xstate_record record;
	struct iovec where;
	const void *tail;
	size_t bytes;
	int ret;

	do {
		r = record_find(p->records, RECORD_XSTATE, r);
		if (!r)
			return 0;
		record_head(r, &record, sizeof(record));
	} while (record.virtual_tid != t->virtual_tid);
	tail = record_tail(r, sizeof(record), &bytes);
	if (bytes > record.bytes)
		bytes = record.bytes;
	ret = cpu_repack_xstate(p->records, tail, bytes, &where.iov_base, &where.iov_len, p->fault);
	if (ret < 0)
		return ret;
	if (ptrace(PTRACE_SETREGSET, t->tid, NT_X86_XSTATE, &where) < 0)
		ret = fault_set(p->fault, errno, "internal", "registers of thread %d: %s",
				t->virtual_tid, strerror(errno));
	free(where.iov_base);
	return ret;
}

static int restore_thread(struct rebuilt_process *p, struct thread *t, struct batch *batch,
			  const struct thread_record *record, const struct thread_record *creator)
{
	struct calls calls = { .rebuilt = p, .thread = t, .batch = batch };
	int ret, end;

	t->regs = record->regs;
	t->sigmask = record->sigmask;
	t->dispatch = record->dispatch; /* on from the end of the first burst */
	interrupted_call_prepare(t);
	ret = inject_begin(t, p->fault);
	if (ret < 0)
		return ret;
	if (batch)
		calls.text = batch->text;
	else
		ret = inject_scratch(t, &calls.text, p->fault);
	if (!ret)
		ret = register_all(&calls, record, creator);
	end = inject_end(t);
	if (!ret)
		ret = end;
	if (!ret)
		ret = put_xstate(p, t);
	return ret;
}

static int create_all(struct rebuilt_process *p, struct batch *batch, bool *batched)
{
	const struct record *r = record_find(p->records, RECORD_THREAD, NULL);
	struct process *process = p->process;
	int ret = inject_begin(&process->threads[0], p->fault), end;

	if (ret < 0)
		return ret;
	while (!ret && (r = record_find(p->records, RECORD_THREAD, r))) {
		struct thread_record record;

		record_head(r, &record, sizeof(record));
		ret = create_thread(p, record.virtual_tid);
	}
	*batched = !ret && process->thread_count >= CALLS_BATCH_FROM;
	if (*batched)
		ret = batch_open_anywhere(batch, &process->threads[0], p->fault);
	end = inject_end(&process->threads[0]);
	return ret ? ret : end;
}

static int restore_each(struct rebuilt_process *p, struct batch *batch)
{
	struct process *process = p->process;
	const struct record *r = NULL;
	struct thread_record leader, record;
	size_t i;
	int ret = 0;

	for (i = 0; i < process->thread_count && !ret; i++) {
		r = record_find(p->records, RECORD_THREAD, r);
		record_head(r, &record, sizeof(record));
		if (!i)
			leader = record;
		if (record.flags & THREAD_EXITED_LEADER)
			continue;
		/* The exited leader's name and slack are not known: nobody has them from it. */
		ret = restore_thread(p, &process->threads[i], batch, &record,
				     i && !(leader.flags & THREAD_EXITED_LEADER) ? &leader : NULL);
		if (!ret)
			scheduling_apply(process->threads[i].tid, &record.scheduling);
	}
	return ret;
}

/* All threads first, then their state: a policy with "reset on fork" must not meet a clone. */
static int restore_outside(struct rebuilt_process *p)
{
	struct thread *leader;
	struct batch batch;
	bool batched = false;
	int ret, end;

	if (!record_find(p->records, RECORD_THREAD, NULL))
		return fault_set(p->fault, EINVAL, "image-damaged", "%s holds no thread",
				 p->image->path);
	ret = create_all(p, &batch, &batched);
	if (!ret)
		ret = restore_each(p, batched ? &batch : NULL);
	leader = &p->process->threads[0]; /* the array has moved */
	if (!ret && batched) {
		ret = inject_begin(leader, p->fault);
		batch.thread = leader;
		if (!ret)
			ret = batch_close(&batch);
		end = inject_end(leader);
		if (!ret)
			ret = end;
	}
	if (ret < 0)
		return fault_set(p->fault, -ret, "internal", "threads of %s: %s",
				 p->image->header.program, strerror(-ret));
	return 0;
}

/* A change of ids takes the parent-death signal away (prctl(2)): behind it. */
static int restore_last(struct rebuilt_process *p)
{
	const struct record *r = NULL;
	size_t i;
	int ret = 0;

	for (i = 0; i < p->process->thread_count && !ret; i++) {
		struct thread_record record;
		long result;

		r = record_find(p->records, RECORD_THREAD, r);
		record_head(r, &record, sizeof(record));
		if (record.parent_death_signal)
			ret = inject_one(&p->process->threads[i], &result, SYS_prctl,
					 PR_SET_PDEATHSIG, record.parent_death_signal, 0, 0, 0, 0,
					 p->fault);
	}
	return ret;
}

static void describe(struct image_reader *image, json_t *out)
{
	const struct record *record = NULL;
	json_t *threads = json_array();

	while ((record = record_find(&image->records, RECORD_THREAD, record))) {
		struct thread_record r;
		const char *state = "running";

		record_head(record, &r, sizeof(r));
		if (r.flags & (THREAD_EXITED_LEADER | THREAD_GROUP_STOPPED))
			state = r.flags & THREAD_EXITED_LEADER ? "exited" : "stopped";
		json_array_append_new(threads, json_pack("{s:i, s:o, s:s, s:o}", "tid",
			(int)r.virtual_tid, "name",
			json_from_bytes(r.name, strnlen(r.name, sizeof(r.name))), "state", state,
			"instruction", file_id_text(r.regs.rip)));
	}
	json_object_set_new(out, "threads", threads);
}

const struct resource resource_threads = {
	.name = "threads",
	.check = check,
	.capture = capture,
	.restore_inside = restore_inside,
	.restore_outside = restore_outside,
	.restore_last = restore_last,
	.describe = describe,
};

/* ---- the last state ---- */

/* The leader ends as it had ended; it is let go for that, and nobody waits for it here. */
static int exit_leader(struct rebuilt_process *p, const struct thread_record *record)
{
	struct thread *leader = &p->process->threads[0];
	struct calls name = { .rebuilt = p, .thread = leader };
	int ret = inject_begin(leader, p->fault);

	if (!ret)
		ret = inject_scratch(leader, &name.text, p->fault);
	if (!ret)
		ret = process_write(p->process, name.text, record->name, sizeof(record->name));
	if (ret < 0)
		return ret;
	calls_add(&name, "name", SYS_prctl, PR_SET_NAME, name.text, 0, 0);
	ret = calls_make(&name);
	if (ret < 0)
		return ret;
	leader->injecting = false;
	leader->regs.rip = p->process->syscall_address;
	leader->regs.rax = SYS_exit;
	leader->regs.rdi = record->exit_code >> 8 & 0xff;
	leader->regs.orig_rax = -1;
	leader->sigmask = ~0ull;
	if (thread_put_state(leader) < 0 || ptrace(PTRACE_DETACH, leader->tid, NULL, NULL) < 0)
		return fault_set(p->fault, errno, "internal", "the leader of %s cannot end: %s",
				 p->image->header.program, strerror(errno));
	leader->exited_leader = true;
	return 0;
}

static int restore_last_state(struct rebuilt_process *p)
{
	const struct record *r = record_find(p->records, RECORD_THREAD, NULL);
	struct thread_record record;
	int ret = 0;

	if (!r)
		return 0;
	record_head(r, &record, sizeof(record));
	if (record.flags & THREAD_EXITED_LEADER) {
		ret = exit_leader(p, &record);
		r = record_find(p->records, RECORD_THREAD, r);
		if (!r || ret)
			return ret;
		record_head(r, &record, sizeof(record));
	}
	/*
	 * SIGSTOP for all stop signals: SIGTSTP and its kin could be blocked or caught by now. Pending
	 * while traced, it stops the process when it is let go.
	 */
	if (record.flags & THREAD_GROUP_STOPPED && kill(p->process->pid, SIGSTOP) < 0)
		ret = fault_set(p->fault, errno, "internal", "%s cannot be stopped: %s",
				p->image->header.program, strerror(errno));
	return ret;
}

const struct resource resource_last_state = {
	.name = "last state",
	.restore_last = restore_last_state,
};

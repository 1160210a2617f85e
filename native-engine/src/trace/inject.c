#include "process.h"

#include <asm/unistd.h>
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard.h"
#include "park.h"
#include "status.h"
#include "wait.h"

#define CALL_LIMIT_NS 5000000000ull
#define CLONE_LIMIT_NS 60000000000ull /* hundreds of GB, a small share of the processor */
#define INTERRUPTED_LIMIT_NS 1000000000ull
#define RESTARTS 16
#define FLAG_TRAP 0x100u
#define FLAG_DIRECTION 0x400u

static int set_registers(struct thread *t, struct user_regs_struct *regs)
{
	struct iovec area = { regs, sizeof(*regs) };

	if (ptrace(PTRACE_SETREGSET, t->tid, NT_PRSTATUS, &area) == 0)
		return 0;
	t->gone = t->gone || errno == ESRCH;
	return -errno;
}

/*
 * With orig_rax and rax as at the freeze the kernel itself restarts the call that it had
 * interrupted when the thread runs on: PTRACE_DETACH makes it look (kernel/ptrace.c,
 * __ptrace_unlink wakes with TIF_SIGPENDING).
 */
int thread_put_state(struct thread *t)
{
	/* The mask first: without it, and we dead, nothing would ever unblock the signals. */
	if (ptrace(PTRACE_SETSIGMASK, t->tid, sizeof(t->sigmask), &t->sigmask) < 0)
		return -errno;
	return set_registers(t, &t->regs);
}

#define PTRACE_SET_DISPATCH 0x4210 /* PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG, Linux 6.4 */

int inject_begin(struct thread *t, struct fault *fault)
{
	const struct syscall_dispatch off = { 0 };
	uint64_t all = ~0ull;

	if (t->injecting)
		return 0;
	if (t->gone || t->exited_leader)
		return fault_set(fault, ESRCH, "no-such-process", "thread %d has ended", t->tid);
	if (t->process->seccomp)
		return fault_set(fault, EOPNOTSUPP, "seccomp-filtered",
				 "process %d runs under a seccomp filter", t->process->pid);
	guard_enter(t);
	if (ptrace(PTRACE_SETSIGMASK, t->tid, sizeof(all), &all) < 0)
		return fault_set(fault, errno, "no-such-process", "thread %d of process %d: %s",
				 t->tid, t->process->pid, strerror(errno));
	if (t->dispatch.mode)
		ptrace(PTRACE_SET_DISPATCH, t->tid, sizeof(off), &off);
	t->injecting = true;
	return 0;
}

int inject_end(struct thread *t)
{
	int ret;

	if (!t->injecting)
		return 0;
	t->injecting = false;
	if (t->dispatch.mode)
		ptrace(PTRACE_SET_DISPATCH, t->tid, sizeof(t->dispatch), &t->dispatch);
	ret = t->process->parked ? thread_park(t) : thread_put_state(t);
	if (!ret || t->gone)
		guard_leave(t);
	return ret;
}

static void note_birth(struct thread *t, int event)
{
	unsigned long made;

	if ((event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_FORK) &&
	    ptrace(PTRACE_GETEVENTMSG, t->tid, NULL, &made) == 0)
		t->born = (pid_t)made;
}

/* By @request, with @signal, until its next stop. */
static int resume(struct thread *t, int request, int signal, uint64_t deadline_ns, int *status)
{
	int ret;

	if (ptrace(request, t->tid, NULL, signal) < 0)
		return -errno;
	ret = wait_for_change(t->tid, deadline_ns, status);
	if (ret == -ECHILD || (!ret && !WIFSTOPPED(*status))) {
		t->gone = true;
		return -ESRCH;
	}
	return ret;
}

/*
 * Resumes until the next entry or exit of a system call. In between may lie event stops (a second
 * trap of a group-stopped thread, the birth that an injected clone makes) and SIGSTOP, the one
 * signal that cannot be blocked: it is let through, so that its group stop holds after the thaw.
 */
static int run_to_syscall_stop(struct thread *t, uint64_t deadline_ns)
{
	int signal = 0, status, ret;

	for (;;) {
		ret = resume(t, PTRACE_SYSCALL, signal, deadline_ns, &status);
		if (ret < 0)
			return ret;
		if (WSTOPSIG(status) == (SIGTRAP | 0x80))
			return 0;
		note_birth(t, status >> 16);
		signal = status >> 16 ? 0 : WSTOPSIG(status);
	}
}

/*
 * The call did not return: interrupt it, so that the thread is ours again. What it has made
 * meanwhile is made: who asked has to know of it, and registers are set where the call is over.
 */
static int interrupt_call(struct thread *t)
{
	uint64_t deadline_ns = monotonic_ns() + INTERRUPTED_LIMIT_NS;
	int status, ret;

	ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
	for (;;) {
		ret = wait_for_change(t->tid, deadline_ns, &status);
		if (ret == -ETIMEDOUT)
			return ret;
		if (ret || !WIFSTOPPED(status))
			break;
		note_birth(t, status >> 16);
		if (status >> 16 != PTRACE_EVENT_CLONE && status >> 16 != PTRACE_EVENT_FORK)
			return -ETIMEDOUT;
		if (ptrace(PTRACE_SYSCALL, t->tid, NULL, NULL) < 0)
			break;
	}
	t->gone = true;
	return -ESRCH;
}

int inject_syscall(struct thread *t, long *result, long number, uint64_t a1, uint64_t a2,
		   uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6)
{
	struct user_regs_struct regs = t->regs;
	uint64_t deadline_ns =
		monotonic_ns() + (number == __NR_clone ? CLONE_LIMIT_NS : CALL_LIMIT_NS);
	int restarts, ret;

	regs.rip = !t->guard ? t->process->syscall_address :
		   number == __NR_clone ? guard_birth(t) :
					  t->guard;
	regs.rax = number;
	regs.orig_rax = -1; /* what the kernel had interrupted must not restart now */
	regs.rdi = a1;
	regs.rsi = a2;
	regs.rdx = a3;
	regs.r10 = a4;
	regs.r8 = a5;
	regs.r9 = a6;
	regs.eflags &= ~(FLAG_TRAP | FLAG_DIRECTION);
	t->born = 0;
	for (restarts = 0; restarts < RESTARTS; restarts++) {
		ret = set_registers(t, &regs);
		if (!ret)
			ret = run_to_syscall_stop(t, deadline_ns);
		if (!ret)
			ret = run_to_syscall_stop(t, deadline_ns);
		if (ret == -ETIMEDOUT)
			ret = interrupt_call(t);
		if (ret < 0)
			return ret;
		errno = 0;
		*result = ptrace(PTRACE_PEEKUSER, t->tid,
				 offsetof(struct user_regs_struct, rax), NULL);
		if (*result == -1 && errno)
			return -errno;
		/* ERESTARTSYS and its kin: a stop is pending (clone and fork look at that). */
		if (*result > -512 || *result < -516 || *result == -515)
			return 0;
	}
	*result = -EINTR;
	return 0;
}

/*
 * A signal that the program would never hear of, neither caught nor blocked in @t; 0: there is
 * none. Only a tracer does: sig_ignored() in kernel/signal.c.
 */
static int unheard_signal(const struct thread *t)
{
	static const int ignored[] = { SIGURG, SIGWINCH };

	if (!t->status || t->group_stopped)
		return 0;
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		if (!((t->status->caught | t->sigmask) & 1ull << (ignored[i] - 1)))
			return ignored[i];
	return 0;
}

/* Resumes until @signal stops it at @end. The same from elsewhere goes where it would have gone. */
static int run_to_signal(struct thread *t, int signal, uint64_t end, uint64_t deadline_ns)
{
	int pass = 0, status, ret;

	for (;;) {
		ret = resume(t, PTRACE_CONT, pass, deadline_ns, &status);
		if (ret < 0)
			return ret;
		pass = status >> 16 ? 0 : WSTOPSIG(status);
		if (pass && pass != signal && pass != SIGSTOP)
			return -EPROTO;
		if (pass == signal &&
		    (uint64_t)ptrace(PTRACE_PEEKUSER, t->tid,
				     offsetof(struct user_regs_struct, rip), NULL) == end)
			return 0;
	}
}

static int run_loop(struct thread *t, int signal, struct batch_call *calls, size_t count)
{
	uint64_t table = guard_table(t->process), others = ~(1ull << (signal - 1)), all = ~0ull;
	uint64_t deadline_ns = monotonic_ns() + CALL_LIMIT_NS;
	struct user_regs_struct regs = t->regs;
	int ret = process_write(t->process, table, calls, count * sizeof(*calls));

	if (ret < 0)
		return ret;
	regs.rip = guard_loop(t);
	regs.orig_rax = -1;
	regs.rbx = table;
	regs.r12 = count;
	regs.r13 = t->process->virtual_pid;
	regs.r14 = t->virtual_tid;
	regs.r15 = signal;
	regs.eflags &= ~(FLAG_TRAP | FLAG_DIRECTION);
	if (ptrace(PTRACE_SETSIGMASK, t->tid, sizeof(others), &others) < 0)
		return -errno;
	ret = set_registers(t, &regs);
	if (!ret)
		ret = run_to_signal(t, signal, guard_loop_end(t), deadline_ns);
	if (ret == -ETIMEDOUT)
		ret = interrupt_call(t);
	if (ptrace(PTRACE_SETSIGMASK, t->tid, sizeof(all), &all) < 0 && !ret)
		ret = -errno;
	return ret ? ret : process_read(t->process, table, calls, count * sizeof(*calls));
}

int inject_calls(struct thread *t, struct batch_call *calls, size_t count)
{
	int signal = t->guard && count > 1 ? unheard_signal(t) : 0, ret = 0;
	size_t done, part;

	for (done = 0; done < count && ret >= 0; done += part) {
		struct batch_call *c = &calls[done];
		long result = 0;

		part = !signal ? 1 : count - done < GUARD_CALLS ? count - done : GUARD_CALLS;
		if (signal) {
			ret = run_loop(t, signal, c, part);
			continue;
		}
		ret = inject_syscall(t, &result, (long)c->number, c->arguments[0], c->arguments[1],
				     c->arguments[2], c->arguments[3], c->arguments[4],
				     c->arguments[5]);
		c->result = result;
	}
	return ret;
}

int inject_one(struct thread *t, long *result, long number, uint64_t a1, uint64_t a2, uint64_t a3,
	       uint64_t a4, uint64_t a5, uint64_t a6, struct fault *fault)
{
	bool was_injecting = t->injecting;
	int ret = inject_begin(t, fault);

	if (ret < 0)
		return ret;
	ret = inject_syscall(t, result, number, a1, a2, a3, a4, a5, a6);
	if (!was_injecting && inject_end(t) < 0 && !ret)
		ret = -ESRCH;
	if (ret < 0)
		return fault_set(fault, -ret, "internal",
				 "system call %ld in thread %d of process %d: %s", number, t->tid,
				 t->process->pid, strerror(-ret));
	return 0;
}

/* Shared, so that it never becomes one mapping with a neighbour of the program's. */
int inject_scratch(struct thread *t, uint64_t *address, struct fault *fault)
{
	struct process *p = t->process;
	long result;
	int ret;

	if (!p->scratch && p->guard) {
		p->scratch = guard_scratch(p);
	} else if (!p->scratch) {
		ret = inject_syscall(t, &result, __NR_mmap, 0, SCRATCH_BYTES,
				     PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (!ret && result < 0 && result > -4096)
			ret = result;
		if (ret < 0)
			return fault_set(fault, -ret, "out-of-memory",
					 "no room for a scratch page in process %d: %s", p->pid,
					 strerror(-ret));
		p->scratch = result;
	}
	*address = p->scratch;
	return 0;
}

int inject_scratch_free(struct thread *t)
{
	struct process *p = t->process;
	long result;
	int ret;

	if (!p->scratch || p->guard) {
		p->scratch = 0;
		return 0;
	}
	ret = inject_syscall(t, &result, __NR_munmap, p->scratch, SCRATCH_BYTES, 0, 0, 0, 0);
	if (ret < 0)
		return ret;
	p->scratch = 0;
	return result;
}

static int copy_by_file(struct process *p, uint64_t address, void *data, size_t bytes, bool write)
{
	while (bytes) {
		ssize_t done = write ? pwrite(p->mem_fd, data, bytes, address) :
				       pread(p->mem_fd, data, bytes, address);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done ? -errno : -EIO;
		address += done;
		data = (char *)data + done;
		bytes -= done;
	}
	return 0;
}

static int copy_memory(struct process *p, uint64_t address, void *data, size_t bytes, bool write)
{
	struct iovec ours = { data, bytes };
	struct iovec theirs = { (void *)address, bytes };
	ssize_t done;

	if (!bytes)
		return 0;
	done = write ? process_vm_writev(p->live_tid, &ours, 1, &theirs, 1, 0) :
		       process_vm_readv(p->live_tid, &ours, 1, &theirs, 1, 0);
	if (done == (ssize_t)bytes)
		return 0;
	if (p->mem_fd < 0)
		return done < 0 ? -errno : -EFAULT;
	/* Protected, or only in part accessible: the file forces its way (as ptrace does). */
	return copy_by_file(p, address, data, bytes, write);
}

int process_read(struct process *p, uint64_t address, void *data, size_t bytes)
{
	return copy_memory(p, address, data, bytes, false);
}

int process_write(struct process *p, uint64_t address, const void *data, size_t bytes)
{
	return copy_memory(p, address, (void *)data, bytes, true);
}

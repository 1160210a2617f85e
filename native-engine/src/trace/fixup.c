#include "fixup.h"

#include <asm/unistd.h>
#include <elf.h>
#include <errno.h>
#include <linux/rseq.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "long_wait.h"
#include "status.h"
#include "wait.h"

/* struct ptrace_rseq_configuration, linux/ptrace.h: that header does not mix with sys/ptrace.h. */
struct rseq_configuration {
	uint64_t address;
	uint32_t bytes, signature, flags, pad;
};

#ifndef PTRACE_GET_RSEQ_CONFIGURATION
#define PTRACE_GET_RSEQ_CONFIGURATION 0x420f
#endif

#define SYSCALL_BYTES 2

/*
 * System calls that return EINTR when nothing but a stop has interrupted them, signal(7), and that
 * may be issued again with the same arguments. select and its kin do so only when they cannot
 * write the remaining time back (fs/select.c, poll_select_finish).
 */
static bool leaks_eintr(uint64_t number)
{
	switch (number) {
	case __NR_epoll_wait:
	case __NR_epoll_pwait:
	case 441: /* epoll_pwait2 */
	case __NR_rt_sigtimedwait:
	case __NR_semop:
	case __NR_semtimedop:
	case __NR_io_getevents:
	case 333: /* io_pgetevents */
	case __NR_read: /* these four: sockets with SO_RCVTIMEO or SO_SNDTIMEO */
	case __NR_readv:
	case __NR_write:
	case __NR_writev:
	case __NR_recvfrom:
	case __NR_recvmsg:
	case __NR_recvmmsg:
	case __NR_sendto:
	case __NR_sendmsg:
	case __NR_sendmmsg:
	case __NR_accept:
	case __NR_accept4:
	case __NR_connect:
	case __NR_select:
	case __NR_pselect6:
	case __NR_ppoll:
	case __NR_fallocate: /* tmpfs and hugetlbfs look at pending signals */
		return true;
	}
	return false;
}

/*
 * A stop wakes a sleeping system call; those of leaks_eintr() would then fail in the program
 * although no handler has run. They are made to start again (engine-facts 5.3), unless a caught
 * signal is about to be delivered: then the EINTR belongs to it. The mask to ask is the saved one:
 * a signal that only the temporary mask of epoll_pwait lets through is delivered by its new start.
 */
static void rewind_leaked_eintr(struct thread *t, bool *changed)
{
	const struct proc_status *s = t->status;
	int64_t result;

	if ((int64_t)t->regs.rax != -EINTR || !leaks_eintr(t->regs.orig_rax) || !s)
		return;
	if ((s->pending | s->shared_pending) & ~t->sigmask & s->caught)
		return;
	if (long_wait_is_over(t, &result)) {
		t->regs.rax = result;
	} else {
		t->regs.rax = t->regs.orig_rax;
		t->regs.rip -= SYSCALL_BYTES;
	}
	t->regs.orig_rax = -1;
	*changed = true;
}

/*
 * Inside a restartable sequence: the kernel would move rip to the abort handler when the thread
 * runs on, but not any more once a system call has been injected, because it looks at rip then
 * (kernel/rseq.c). An abort is legal at any time: it is done here.
 */
static int abort_rseq(struct thread *t, bool *changed)
{
	struct rseq_configuration configuration;
	struct rseq_cs section;
	uint64_t section_address;
	int ret;

	memset(&configuration, 0, sizeof(configuration));
	if (ptrace(PTRACE_GET_RSEQ_CONFIGURATION, t->tid, sizeof(configuration),
		   &configuration) < 0)
		return errno == ESRCH ? -ESRCH : 0; /* EIO: a kernel without rseq */
	t->rseq_address = configuration.address;
	t->rseq_bytes = configuration.bytes;
	t->rseq_signature = configuration.signature;
	t->rseq_flags = configuration.flags;
	if (!t->rseq_address)
		return 0;
	ret = process_read(t->process, t->rseq_address + offsetof(struct rseq, rseq_cs),
			   &section_address, sizeof(section_address));
	if (ret < 0 || !section_address)
		return 0; /* unreadable: the kernel will find the same, it is not for us to judge */
	ret = process_read(t->process, section_address, &section, sizeof(section));
	if (ret < 0 || t->regs.rip - section.start_ip >= section.post_commit_offset)
		return 0;
	t->regs.rip = section.abort_ip;
	*changed = true;
	return 0;
}

static int get_registers(struct thread *t)
{
	struct iovec area = { &t->regs, sizeof(t->regs) };

	if (ptrace(PTRACE_GETREGSET, t->tid, NT_PRSTATUS, &area) < 0)
		return -errno;
	if (area.iov_len != sizeof(t->regs)) /* a 32-bit register set */
		return -EOPNOTSUPP;
	return 0;
}

#define PTRACE_GET_DISPATCH 0x4211 /* PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG, Linux 6.4 */

int thread_settle(struct thread *t, struct fault *fault)
{
	struct iovec area = { &t->regs, sizeof(t->regs) };
	bool changed = false;
	int ret = get_registers(t);

	if (ret == -EOPNOTSUPP || (!ret && (t->regs.cs & 0xffff) != 0x33))
		return fault_set(fault, EOPNOTSUPP, "not-supported",
				 "thread %d of process %d runs 32-bit code", t->tid,
				 t->process->pid);
	if (ret < 0)
		goto err;
	if (ptrace(PTRACE_GETSIGMASK, t->tid, sizeof(t->sigmask), &t->sigmask) < 0) {
		ret = -errno;
		goto err;
	}
	if (ptrace(PTRACE_GET_DISPATCH, t->tid, sizeof(t->dispatch), &t->dispatch) < 0)
		memset(&t->dispatch, 0, sizeof(t->dispatch));
	rewind_leaked_eintr(t, &changed);
	ret = abort_rseq(t, &changed);
	if (ret < 0)
		goto err;
	if (changed && ptrace(PTRACE_SETREGSET, t->tid, NT_PRSTATUS, &area) < 0) {
		ret = -errno;
		goto err;
	}
	return 0;

err:
	return fault_set(fault, -ret, ret == -ESRCH ? "no-such-process" : "internal",
			 "reading the registers of thread %d of process %d: %s", t->tid,
			 t->process->pid, strerror(-ret));
}

#define LAST_STEP_NS 1000000000ull /* for one that the deadline met half-way */
#define STEPS_AT_MOST 1000000u /* its longest loop waits for the kernel's clock: microseconds */

int thread_leave_vdso(struct thread *t, uint64_t vdso_start, uint64_t vdso_end,
		      uint64_t deadline_ns, struct fault *fault)
{
	const uint64_t unblockable = 1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1);
	/* A step's trap that is blocked would take the program's handler (force_sig_info_to_task). */
	uint64_t others = ~(1ull << (SIGTRAP - 1)), now;
	unsigned int step;
	int status, signal = 0, ret = 0;

	if (t->regs.rip < vdso_start || t->regs.rip >= vdso_end)
		return 0;
	if (ptrace(PTRACE_SETSIGMASK, t->tid, sizeof(others), &others) < 0) {
		ret = -errno;
		goto err;
	}
	for (step = 0; step < STEPS_AT_MOST; step++) {
		if (t->regs.rip < vdso_start || t->regs.rip >= vdso_end)
			break;
		if (ptrace(PTRACE_SINGLESTEP, t->tid, NULL, signal) < 0) {
			ret = -errno;
			goto err;
		}
		ret = wait_for_change(t->tid, deadline_ns, &status);
		if (ret == -ETIMEDOUT &&
		    !wait_for_change(t->tid, monotonic_ns() + LAST_STEP_NS, &status) &&
		    WIFSTOPPED(status)) /* it must not run on with this mask */
			ptrace(PTRACE_SETSIGMASK, t->tid, sizeof(t->sigmask), &t->sigmask);
		if (ret < 0)
			goto err;
		if (!WIFSTOPPED(status)) {
			ret = -ESRCH;
			goto err;
		}
		/* SIGSTOP cannot be blocked: let it begin its group stop. The rest are our steps. */
		signal = status >> 16 || WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
		ret = get_registers(t);
		if (ret < 0)
			goto err;
	}
	/* A guard that lies there, of an engine that was killed, has given it back: guard.c. */
	if (!ptrace(PTRACE_GETSIGMASK, t->tid, sizeof(now), &now) && (now | unblockable) != others)
		t->sigmask = now;
	if (ptrace(PTRACE_SETSIGMASK, t->tid, sizeof(t->sigmask), &t->sigmask) < 0) {
		ret = -errno;
		goto err;
	}
	if (step == STEPS_AT_MOST) {
		ret = -ETIMEDOUT;
		goto err;
	}
	return 0;

err:
	return fault_set(fault, -ret, ret == -ETIMEDOUT ? "freeze-timeout" : "no-such-process",
			 "thread %d of process %d did not leave the vDSO: %s", t->tid,
			 t->process->pid, strerror(-ret));
}

#include "batch.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wait.h"

#define PAGE 4096ull
#define TABLE_BYTES (BATCH_CALLS * sizeof(struct batch_call))
#define LIMIT_NS 60000000000ull /* for one table: mapping can wait for a slow file server */

/*
 * rbx: next entry, r12: entries left. Position-independent, no stack. Ends in a trap that its
 * tracer sees.
 */
asm(".pushsection .rodata\n"
    "batch_code_start:\n"
    BATCH_LOOP
    "	int3\n"
    "batch_code_end:\n"
    ".popsection\n");
extern const char batch_code_start[], batch_code_end[];

uint64_t batch_area_bytes(void)
{
	return PAGE + TABLE_BYTES + BATCH_TEXT_BYTES;
}

int batch_open(struct batch *b, struct thread *t, uint64_t address, struct fault *fault)
{
	long result;
	int ret;

	_Static_assert(sizeof(struct batch_call) == 64, "the loop steps by 64");
	memset(b, 0, sizeof(*b));
	b->thread = t;
	b->address = address;
	b->text = address + PAGE + TABLE_BYTES;
	ret = inject_syscall(t, &result, SYS_mmap, address, batch_area_bytes(),
			     PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (ret >= 0 && result != (long)address)
		ret = result < 0 ? (int)result : -EEXIST;
	if (ret >= 0)
		ret = process_write(t->process, address, batch_code_start,
				    (size_t)(batch_code_end - batch_code_start));
	if (ret >= 0)
		ret = inject_syscall(t, &result, SYS_mprotect, address, PAGE,
				     PROT_READ | PROT_EXEC, 0, 0, 0);
	if (ret < 0)
		return fault_set(fault, -ret, "internal", "work area in process %d: %s",
				 t->process->pid, strerror(-ret));
	b->one_by_one = result < 0;
	return 0;
}

int batch_open_anywhere(struct batch *b, struct thread *t, struct fault *fault)
{
	long address, result;
	int ret = inject_syscall(t, &address, SYS_mmap, 0, batch_area_bytes(), PROT_NONE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (!ret && address < 0 && address > -4096)
		ret = (int)address;
	if (!ret)
		ret = inject_syscall(t, &result, SYS_munmap, address, batch_area_bytes(), 0, 0, 0,
				     0);
	if (ret < 0)
		return fault_set(fault, -ret, "out-of-memory", "work area in process %d: %s",
				 t->process->virtual_pid, strerror(-ret));
	return batch_open(b, t, address, fault);
}

static int run_loop(struct batch *b, struct batch_call *calls, size_t count)
{
	uint64_t table = b->address + PAGE;
	struct user_regs_struct regs;
	pid_t tid = b->thread->tid;
	int status, ret;

	ret = process_write(b->thread->process, table, calls, count * sizeof(*calls));
	if (ret < 0)
		return ret;
	if (ptrace(PTRACE_GETREGS, tid, NULL, &regs))
		return -errno;
	regs.rip = b->address;
	regs.rbx = table;
	regs.r12 = count;
	regs.orig_rax = -1ull; /* or the kernel would see a call to restart */
	regs.eflags &= ~0x400ull;
	if (ptrace(PTRACE_SETREGS, tid, NULL, &regs) || ptrace(PTRACE_CONT, tid, NULL, NULL))
		return -errno;
	ret = wait_for_change(tid, monotonic_ns() + LIMIT_NS, &status);
	if (ret < 0)
		return ret;
	if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP || status >> 16)
		return -EPROTO;
	return process_read(b->thread->process, table, calls, count * sizeof(*calls));
}

int batch_run(struct batch *b, struct batch_call *calls, size_t count)
{
	long result;
	int ret;

	for (size_t done = 0, n; done < count; done += n) {
		n = count - done < BATCH_CALLS ? count - done : BATCH_CALLS;
		if (b->one_by_one || count == 1) {
			struct batch_call *c = &calls[done];

			n = 1;
			ret = inject_syscall(b->thread, &result, (long)c->number,
					     c->arguments[0], c->arguments[1], c->arguments[2],
					     c->arguments[3], c->arguments[4], c->arguments[5]);
			c->result = result;
		} else {
			ret = run_loop(b, calls + done, n);
		}
		if (ret < 0)
			return ret;
	}
	return 0;
}

int batch_close(struct batch *b)
{
	long result;
	int ret = inject_syscall(b->thread, &result, SYS_munmap, b->address, batch_area_bytes(), 0,
				 0, 0, 0);

	return ret < 0 ? ret : (int)result;
}

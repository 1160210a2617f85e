#include "park.h"

#include <elf.h>
#include <errno.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#include "guard.h"

static bool can_run(const struct thread *t)
{
	return !t->exited_leader && !t->gone;
}

int thread_park(struct thread *t)
{
	struct user_regs_struct regs = t->regs;
	struct iovec area = { &regs, sizeof(regs) };
	uint64_t all = ~0ull;

	regs.rip = guard_parking(t) + 2; /* behind the call */
	regs.orig_rax = -1;
	/* Before the mask changes: guard_enter(). */
	if (ptrace(PTRACE_SETREGSET, t->tid, NT_PRSTATUS, &area) < 0 ||
	    ptrace(PTRACE_SETSIGMASK, t->tid, sizeof(all), &all) < 0) {
		t->gone = t->gone || errno == ESRCH;
		return -errno;
	}
	return 0;
}

int process_park(struct process *p, uint64_t *hold_word)
{
	uint32_t held = 1;

	*hold_word = 0;
	if (!p->guard || p->seccomp || p->mem_fd < 0)
		return -EOPNOTSUPP;
	*hold_word = guard_hold_word(p);
	if (p->zombie || p->parked)
		return 0;
	for (size_t i = 0; i < p->thread_count; i++) {
		const struct thread *t = &p->threads[i];

		/* The waiting makes system calls, which would become signals. */
		if (can_run(t) && (t->dispatch.mode || !guard_prepare_parking(t)))
			return -EOPNOTSUPP;
	}
	if (process_write(p, *hold_word, &held, sizeof(held)) < 0)
		return -EOPNOTSUPP;
	p->parked = true;
	for (size_t i = 0; i < p->thread_count; i++)
		if (can_run(&p->threads[i]) && !p->threads[i].injecting)
			thread_park(&p->threads[i]);
	return 0;
}

void process_unpark(struct process *p)
{
	if (!p->parked)
		return;
	p->parked = false;
	for (size_t i = 0; i < p->thread_count; i++)
		if (can_run(&p->threads[i]) && !p->threads[i].injecting)
			thread_put_state(&p->threads[i]);
}

bool process_is_held(const struct process *p)
{
	for (size_t i = 0; i < p->thread_count; i++)
		if (can_run(&p->threads[i]) && guard_is_held(&p->threads[i]))
			return true;
	return false;
}

#include "interrupted_call.h"

#include <linux/futex.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#define ERESTARTNOHAND 514        /* linux/errno.h: again, or EINTR when a handler runs */
#define ERESTART_RESTARTBLOCK 516 /* the same, through restart_syscall(2) */
#define CLOCKS 16
#define SYSCALL_BYTES 2
#define MOVE_EAX 0xb8
#define MOVE_BYTES 5

static bool readable_time(struct thread *t, uint64_t address)
{
	struct timespec time;

	return address && !process_read(t->process, address, &time, sizeof(time)) &&
	       time.tv_sec >= 0 && time.tv_nsec >= 0 && time.tv_nsec < 1000000000;
}

static bool is_restartable(uint64_t number)
{
	return number == SYS_nanosleep || number == SYS_clock_nanosleep || number == SYS_poll ||
	       number == SYS_futex;
}

/* The number that was in eax: most callers load it by the instruction right before `syscall`. */
static uint64_t number_by_code(struct thread *t)
{
	uint8_t code[MOVE_BYTES + SYSCALL_BYTES];
	uint32_t number;

	if (process_read(t->process, t->regs.rip - sizeof(code), code, sizeof(code)) ||
	    code[0] != MOVE_EAX)
		return 0;
	memcpy(&number, code + 1, sizeof(number));
	return is_restartable(number) ? number : 0;
}

/* By the arguments, which only one of the four can have meant. */
static uint64_t number_by_arguments(struct thread *t)
{
	const struct user_regs_struct *r = &t->regs;
	int operation = (int)r->rsi & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
	uint32_t word;

	if ((operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET) && r->rsi < 1024 &&
	    r->rdi && !(r->rdi & 3) && readable_time(t, r->r10) &&
	    !process_read(t->process, r->rdi, &word, sizeof(word)))
		return SYS_futex;
	if (r->rdi < CLOCKS && r->rsi == 0 && readable_time(t, r->rdx))
		return SYS_clock_nanosleep;
	if (readable_time(t, r->rdi) && (!r->rsi || readable_time(t, r->rsi)))
		return SYS_nanosleep;
	return SYS_poll;
}

/*
 * Where the kernel kept a restart block the call is made again with what was left of its time, as
 * far as that is known: nanosleep has written it to its second argument, poll and futex with a
 * relative time begin anew. A call that had been restarted before is restart_syscall itself; its
 * arguments are still those of the call that it stands for.
 *
 * With ERESTARTNOHAND the kernel does the rest when the thread runs: it makes the call again, or
 * returns EINTR when a pending signal's handler comes first, as it would have done there.
 */
void interrupted_call_prepare(struct thread *t)
{
	struct user_regs_struct *r = &t->regs;

	if ((int64_t)r->orig_rax < 0 || (int64_t)r->rax != -ERESTART_RESTARTBLOCK)
		return;
	if (r->orig_rax == SYS_restart_syscall) {
		uint64_t number = number_by_code(t);

		r->orig_rax = number ? number : number_by_arguments(t);
	}
	if (r->orig_rax == SYS_nanosleep && readable_time(t, r->rsi))
		r->rdi = r->rsi;
	if (r->orig_rax == SYS_clock_nanosleep && !(r->rsi & TIMER_ABSTIME) &&
	    readable_time(t, r->r10))
		r->rdx = r->r10;
	r->rax = -ERESTARTNOHAND;
}

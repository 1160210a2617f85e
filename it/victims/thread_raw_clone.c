/*
 * victim: threads made by clone alone, with their own thread register
 * category: threads
 * variants: rawclone
 */
#include <asm/prctl.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "victim.h"

#define THREADS 6

/* The threads must not enter the C library: fs belongs to them. */
static inline long raw(long number, long a, long b, long c, long d)
{
	register long r10 asm("r10") = d;
	register long r8 asm("r8") = 0;
	long result;

	asm volatile("syscall" : "=a"(result)
		     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
		     : "rcx", "r11", "memory");
	return result;
}

struct place {
	struct place *self;
	long id, tid;
	volatile long rounds;
	volatile int wrong;
	char signal_stack[8192];
};

static struct place places[THREADS];
static volatile int bell;

static struct place *own(void)
{
	struct place *p;

	asm volatile("mov %%fs:0, %0" : "=r"(p));
	return p;
}

static __attribute__((noreturn, used)) void live(struct place *p)
{
	stack_t stack = { .ss_sp = p->signal_stack, .ss_size = sizeof(p->signal_stack) }, now;

	raw(SYS_arch_prctl, ARCH_SET_FS, (long)p, 0, 0);
	raw(SYS_sigaltstack, (long)&stack, 0, 0, 0);
	p->tid = raw(SYS_gettid, 0, 0, 0, 0);
	for (;;) {
		struct timespec nap = { 0, 20000000 };
		int seen = bell;

		if (p->id & 1)
			raw(SYS_nanosleep, (long)&nap, 0, 0, 0);
		else
			raw(SYS_futex, (long)&bell, FUTEX_WAIT, seen, 0);
		raw(SYS_sigaltstack, 0, (long)&now, 0, 0);
		if (own() != p || own()->self != p || raw(SYS_gettid, 0, 0, 0, 0) != p->tid ||
		    now.ss_sp != p->signal_stack)
			p->wrong = 1;
		p->rounds++;
	}
}

static void start(struct place *p)
{
	const size_t bytes = 65536;
	char *stack = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t *top = (uint64_t *)(stack + bytes - 64);
	long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
		     CLONE_SYSVSEM;
	long result;

	victim_check(stack != MAP_FAILED);
	p->self = p;
	top[0] = (uint64_t)live;
	top[1] = (uint64_t)p;
	asm volatile("xor %%edx, %%edx\n"
		     "xor %%r10d, %%r10d\n"
		     "xor %%r8d, %%r8d\n"
		     "syscall\n"
		     "test %%rax, %%rax\n"
		     "jnz 1f\n"
		     "pop %%rax\n"
		     "pop %%rdi\n"
		     "call *%%rax\n"
		     "1:\n"
		     : "=a"(result)
		     : "a"(SYS_clone), "D"(flags), "S"(top)
		     : "rcx", "rdx", "r8", "r10", "r11", "memory");
	victim_check(result > 0);
}

static void check(void)
{
	for (int i = 0; i < THREADS; i++) {
		long before = places[i].rounds;

		for (int n = 0; places[i].rounds == before; n++) {
			victim_check(n < 5000);
			bell++;
			syscall(SYS_futex, &bell, FUTEX_WAKE, 100, NULL);
			usleep(1000);
		}
		victim_check(!places[i].wrong);
	}
}

int main(void)
{
	for (int i = 0; i < THREADS; i++) {
		places[i].id = i;
		start(&places[i]);
	}
	return victim_run(check);
}

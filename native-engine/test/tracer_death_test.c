/*
 * A tracer is killed in the middle of a burst of injected calls, while it makes or removes what
 * guards these, or while it makes a snapshot: the program must not notice, and no copy of it runs.
 * Usage: tracer_death_test [ROUNDS]
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../src/common/proc.h"
#include "../src/engine/twin.h"
#include "../src/trace/guard.h"
#include "../src/trace/process.h"
#include "../src/trace/wait.h"

#define SLEEP_MS 40
#define VICTIM_BYTES (128u << 20) /* for the kernel to copy the tables of in a clone */

enum { COMPUTES, SLEEPS, WAITS, SUSPENDS, THREADS };
enum tracing { CALLS, GUARDS, TWINS, TRACINGS };

static struct shared {
	atomic_long counts[THREADS];
	atomic_int ready;
	atomic_int burst; /* the tracer is in it */
	atomic_int wrong;
} *shared;

static pthread_t suspended;
static atomic_int handled;

static void nap_us(long us)
{
	struct timespec t = { 0, us * 1000 };

	nanosleep(&t, NULL);
}

static void bad(int number)
{
	shared->wrong = number;
	_exit(1);
}

/* Holds a value in every register, and flags, that an injected call would disturb. */
static void *compute(void *unused)
{
	for (;;) {
		uint64_t wrong;

		asm volatile("mov $1000000, %%ecx\n"
			     "mov $0x1111, %%esi\n mov $0x2222, %%edi\n mov $0x3333, %%r8d\n"
			     "mov $0x4444, %%r9d\n mov $0x5555, %%r10d\n mov $0x6666, %%r11d\n"
			     "mov $0x7777, %%r12d\n mov $0x8888, %%r13d\n mov $0x9999, %%r14d\n"
			     "mov $0xaaaa, %%r15d\n mov $0xbbbb, %%ebx\n mov $0xcccc, %%edx\n"
			     "stc\n"
			     "1: jnc 2f\n"
			     "lea -1(%%rcx), %%rcx\n"
			     "jrcxz 2f\n"
			     "jmp 1b\n"
			     "2: setnc %%al\n"
			     "movzx %%al, %%eax\n"
			     "or %%rcx, %%rax\n"
			     "xor $0x1111, %%esi\n or %%rsi, %%rax\n"
			     "xor $0x2222, %%edi\n or %%rdi, %%rax\n"
			     "xor $0x3333, %%r8d\n or %%r8, %%rax\n"
			     "xor $0x4444, %%r9d\n or %%r9, %%rax\n"
			     "xor $0x5555, %%r10d\n or %%r10, %%rax\n"
			     "xor $0x6666, %%r11d\n or %%r11, %%rax\n"
			     "xor $0x7777, %%r12d\n or %%r12, %%rax\n"
			     "xor $0x8888, %%r13d\n or %%r13, %%rax\n"
			     "xor $0x9999, %%r14d\n or %%r14, %%rax\n"
			     "xor $0xaaaa, %%r15d\n or %%r15, %%rax\n"
			     "xor $0xbbbb, %%ebx\n or %%rbx, %%rax\n"
			     "xor $0xcccc, %%edx\n or %%rdx, %%rax\n"
			     : "=a"(wrong)
			     :
			     : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
			       "r13", "r14", "r15", "cc", "memory");
		if (wrong)
			bad(1);
		shared->counts[COMPUTES]++;
	}
	return unused;
}

static void *sleep_often(void *unused)
{
	for (;;) {
		uint64_t begin = monotonic_ns();
		struct timespec t = { 0, SLEEP_MS * 1000000l };

		if (syscall(SYS_nanosleep, &t, NULL) || monotonic_ns() - begin < SLEEP_MS * 1000000ull)
			bad(2);
		shared->counts[SLEEPS]++;
	}
	return unused;
}

static void *wait_often(void *unused)
{
	int epoll = epoll_create1(0);
	struct epoll_event event;

	for (;;) {
		if (epoll_wait(epoll, &event, 1, 5))
			bad(3);
		shared->counts[WAITS]++;
	}
	return unused;
}

static void on_signal(int number)
{
	(void)number;
	handled++;
}

static void *suspend(void *unused)
{
	sigset_t open;

	sigemptyset(&open);
	for (;;) {
		int before = handled;

		sigsuspend(&open);
		if (handled == before)
			bad(4);
		shared->counts[SUSPENDS]++;
	}
	return unused;
}

static void run_victim(void)
{
	char *memory = mmap(NULL, VICTIM_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigset_t blocked, now;
	pthread_t thread;

	if (memory == MAP_FAILED)
		bad(6);
	madvise(memory, VICTIM_BYTES, MADV_NOHUGEPAGE);
	memset(memory, 1, VICTIM_BYTES);
	shared->ready = 1;
	signal(SIGUSR1, on_signal);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
	pthread_create(&thread, NULL, sleep_often, NULL);
	pthread_create(&thread, NULL, wait_often, NULL);
	pthread_create(&suspended, NULL, suspend, NULL);
	pthread_create(&thread, NULL, compute, NULL);
	for (;;) {
		nap_us(3000);
		pthread_kill(suspended, SIGUSR1);
		sigprocmask(SIG_SETMASK, NULL, &now);
		if (sigismember(&now, SIGTERM) || !sigismember(&now, SIGUSR1))
			bad(5);
	}
}

static bool make_many(struct thread *t)
{
	struct batch_call calls[40];
	size_t i, count = sizeof(calls) / sizeof(calls[0]);

	for (i = 0; i < count; i++)
		calls[i] = (struct batch_call){ i % 2 ? SYS_getppid : SYS_gettid, { 0 }, -1 };
	if (inject_calls(t, calls, count))
		return false;
	for (i = 0; i < count; i += 2)
		if (calls[i].result != t->virtual_tid)
			return false;
	return true;
}

static void run_tracer(pid_t pid, enum tracing what)
{
	struct process *p;
	struct twin twin;
	long result;

	if (process_freeze(pid, 5000, &p, NULL))
		_exit(1);
	shared->burst = what == GUARDS;
	while (what == GUARDS) {
		process_guard(p);
		if (!p->guard)
			_exit(4);
		guard_close(p);
	}
	process_guard(p);
	if (!p->guard)
		_exit(2);
	shared->burst = 1;
	while (what == TWINS) {
		if (twin_make(p, &twin, NULL))
			_exit(5);
		twin_kill(&twin);
		while (twin_collect(p))
			nap_us(10);
	}
	for (size_t i = 0;; i++) {
		struct thread *t = &p->threads[i % p->thread_count];

		if (inject_begin(t, NULL) ||
		    inject_syscall(t, &result, SYS_gettid, 0, 0, 0, 0, 0, 0) ||
		    result != t->virtual_tid || !make_many(t) || inject_end(t))
			_exit(3);
	}
}

/* Does a process made by @parent still live, a second after @parent's tracer has died? */
static bool has_living_child(pid_t parent)
{
	struct pid_list children;
	bool found = true;

	for (int waited = 0; found && waited < 1000; waited++) {
		struct proc_stat stat;

		memset(&children, 0, sizeof(children));
		if (proc_children(parent, &children))
			return true;
		found = false;
		for (size_t i = 0; i < children.count; i++)
			found |= !proc_stat(children.pids[i], &stat) && stat.state != 'Z';
		pid_list_free(&children);
		if (found)
			nap_us(1000);
	}
	return found;
}

int main(int argc, char *argv[])
{
	int rounds = argc > 1 ? atoi(argv[1]) : 100, round, status, failures = 0;
	pid_t victim;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		return 1;
	victim = fork();
	if (!victim)
		run_victim();
	while (!shared->ready)
		nap_us(1000);
	for (round = 0; round < rounds && !failures; round++) {
		long before[THREADS];
		pid_t tracer;
		int i, waited;

		shared->burst = 0;
		tracer = fork();
		if (!tracer)
			run_tracer(victim, round % TRACINGS);
		for (waited = 0; !shared->burst && waited < 5000; waited++)
			nap_us(1000);
		nap_us(random() % (round % TRACINGS == TWINS ? 20000 : 1000));
		kill(tracer, SIGKILL);
		waitpid(tracer, &status, 0);
		if (!WIFSIGNALED(status))
			printf("bad: the tracer ended with %d\n", WEXITSTATUS(status)), failures++;
		if (has_living_child(victim))
			printf("bad: a copy of the victim lives\n"), failures++;
		for (i = 0; i < THREADS; i++)
			before[i] = shared->counts[i];
		for (i = 0; i < THREADS; i++)
			for (waited = 0; shared->counts[i] == before[i] && !failures; waited++) {
				nap_us(1000);
				if (waitpid(victim, &status, WNOHANG) == victim)
					printf("bad: the victim died: %#x, check %d\n", status,
					       shared->wrong), failures++;
				else if (waited > 10000)
					printf("bad: thread %d does not run on\n", i), failures++;
			}
	}
	kill(victim, SIGKILL);
	waitpid(victim, &status, 0);
	printf(failures ? "failed in round %d\n" : "ok\n", round);
	return failures != 0;
}

/*
 * Programs that make it hard to stop them at all: threads and processes that come and go, vfork,
 * restartable sequences, the vDSO, a leader that has exited, a stopped process.
 * Usage: freeze_storms_test [ROUNDS]
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/rseq.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../src/common/proc.h"
#include "../src/trace/process.h"
#include "../src/trace/wait.h"

struct shared {
	atomic_long count;
	atomic_long aborts;
	atomic_int ready;
	atomic_int failed;
	char text[160];
};

static struct shared *shared;

static void __attribute__((noreturn, format(printf, 1, 2))) bad(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(shared->text, sizeof(shared->text), format, args);
	va_end(args);
	shared->failed = 1;
	_exit(1);
}

static void nap_us(long us)
{
	struct timespec t = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&t, NULL);
}

static pthread_t start(void *(*run)(void *))
{
	pthread_attr_t attributes;
	pthread_t thread;
	int error;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 65536);
	error = pthread_create(&thread, &attributes, run, NULL);
	if (error)
		bad("pthread_create: %s", strerror(error));
	return thread;
}

/* ---- victims ---- */

static void *nothing(void *unused)
{
	shared->count++;
	return unused;
}

static void *spawn_threads(void *unused)
{
	for (;;)
		pthread_join(start(nothing), NULL);
	return unused;
}

static void thread_storm(void)
{
	start(spawn_threads);
	start(spawn_threads);
	start(spawn_threads);
	shared->ready = 1;
	spawn_threads(NULL);
}

/* Each thread makes the next one and ends: no thread is there for long. */
static void *next_thread(void *unused)
{
	shared->count++;
	pthread_detach(pthread_self());
	start(next_thread);
	return unused;
}

static void thread_chain(void)
{
	start(next_thread);
	start(next_thread);
	shared->ready = 1;
	for (;;)
		pause();
}

static void fork_storm(void)
{
	shared->ready = 1;
	for (;;) {
		pid_t child = fork();
		int status;

		if (!child)
			_exit(3);
		if (child < 0 || waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 3)
			bad("fork: %s", strerror(errno));
		shared->count++;
	}
}

static void *spawn_processes(void *unused)
{
	char *arguments[] = { "true", NULL };

	for (;;) {
		pid_t child;
		int status;

		if (posix_spawn(&child, "/bin/true", NULL, NULL, arguments, NULL) ||
		    waitpid(child, &status, 0) != child || status)
			bad("posix_spawn: %s", strerror(errno));
		shared->count++;
	}
	return unused;
}

static void vfork_storm(void)
{
	start(spawn_processes);
	shared->ready = 1;
	for (;;) {
		pid_t child = vfork();
		int status;

		if (!child) {
			nap_us(2000); /* long enough to be met */
			_exit(5);
		}
		if (child < 0 || waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 5)
			bad("vfork: %s", strerror(errno));
		shared->count++;
	}
}

static char self[4096];

static void exec_storm(void)
{

	shared->ready = 1;
	shared->count++;
	if (shared->failed)
		_exit(0);
	execl(self, self, "--exec", NULL);
	bad("execl: %s", strerror(errno));
}

static void *sleep_long(void *unused)
{
	for (;;) {
		nap_us(50000);
		shared->count++;
	}
	return unused;
}

static void many_threads(void)
{
	int i;

	for (i = 0; i < 1000; i++)
		start(sleep_long);
	shared->ready = 1;
	sleep_long(NULL);
}

/*
 * Adds one to a counter of the processor that it runs on: load, add, store, as a restartable
 * sequence. A lost abort shows as a lost addition when two threads share the processor.
 */
static long counters[1024][8];
static atomic_long additions;

static void add_on_this_cpu(void)
{
	struct rseq *area = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);

	for (;;) {
		uint32_t cpu = *(volatile uint32_t *)&area->cpu_id_start;
		long *counter = counters[cpu];

		asm volatile goto(
			".pushsection __rseq_cs, \"aw\"\n"
			".balign 32\n"
			"9: .long 0, 0\n"
			".quad 1f, 2f - 1f, 4f\n"
			".popsection\n"
			"lea 9b(%%rip), %%rax\n"
			"mov %%rax, %c[cs](%[area])\n"
			"1: cmp %[cpu], %c[id](%[area])\n"
			"jnz 4f\n"
			"mov (%[counter]), %%rax\n"
			"mov $60, %%ecx\n" /* stay in it for a while */
			"5: pause\n"
			"dec %%ecx\n"
			"jnz 5b\n"
			"inc %%rax\n"
			"mov %%rax, (%[counter])\n"
			"2: jmp 6f\n"
			".byte 0x0f, 0xb9, 0x3d\n" /* ud1: keeps the signature from being code */
			".long 0x53053053\n"
			"4: jmp %l[aborted]\n"
			"6:\n"
			:
			: [area] "r"(area), [cpu] "r"(cpu), [counter] "r"(counter),
			  [cs] "i"(offsetof(struct rseq, rseq_cs)),
			  [id] "i"(offsetof(struct rseq, cpu_id))
			: "rax", "rcx", "memory", "cc"
			: aborted);
		return;
aborted:
		shared->aborts++;
	}
}

static void *add_for_ever(void *unused)
{
	for (;;) {
		add_on_this_cpu();
		additions++;
	}
	return unused;
}

static void rseq_loops(void)
{
	if (__rseq_size == 0) { /* an old kernel */
		shared->ready = 1;
		sleep_long(NULL);
	}
	for (int i = 0; i < 4; i++)
		start(add_for_ever);
	shared->ready = 1;
	for (;;) { /* the sum may only be ahead of what is told, by one for each thread at most */
		long told = additions, sum = 0;

		for (int i = 0; i < 1024; i++)
			sum += *(volatile long *)&counters[i][0];
		if (sum < told)
			bad("%ld additions of %ld were lost", told - sum, told);
		shared->count = told;
		nap_us(2000);
	}
}

static void on_trap(int number)
{
	(void)number;
}

static void *read_clock(void *unused)
{
	struct timespec last = { 0 };
	struct sigaction trap;
	unsigned int rounds = 0;
	sigset_t mask;

	for (;;) {
		struct timespec now;

		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec < last.tv_sec ||
		    (now.tv_sec == last.tv_sec && now.tv_nsec < last.tv_nsec))
			bad("the clock went back");
		last = now;
		if (++rounds % 64 == 0 &&
		    (pthread_sigmask(SIG_SETMASK, NULL, &mask) || sigismember(&mask, SIGUSR1) ||
		     sigaction(SIGTRAP, NULL, &trap) || trap.sa_handler != on_trap))
			bad("a stop has left signals blocked, or has taken a handler");
		shared->count++;
	}
	return unused;
}

static void vdso_loop(void)
{
	signal(SIGTRAP, on_trap);
	start(read_clock);
	shared->ready = 1;
	read_clock(NULL);
}

static void exited_leader(void)
{
	start(sleep_long);
	start(sleep_long);
	shared->ready = 1;
	syscall(SYS_exit, 0);
}

static void *exit_soon(void *unused)
{
	(void)unused;
	nap_us(500);
	_exit(0);
}

/* The whole process may end at any time. Its child does, so that the victim stays. */
static void dying(void)
{
	shared->ready = 1;
	for (;;) {
		pid_t child = fork();

		if (!child) {
			start(exit_soon);
			start(sleep_long);
			sleep_long(NULL);
		}
		shared->aborts = child; /* told to the test */
		waitpid(child, NULL, 0);
		shared->count++;
	}
}

static void stopped(void)
{
	shared->ready = 1;
	raise(SIGSTOP);
	sleep_long(NULL);
}

static const struct kind {
	const char *name;
	void (*run)(void);
	int share; /* of the rounds: one of so many */
} kinds[] = {
	{ "thread storm", thread_storm, 2 },
	{ "thread chain", thread_chain, 2 },
	{ "fork storm", fork_storm, 1 },
	{ "vfork storm", vfork_storm, 2 },
	{ "exec storm", exec_storm, 2 },
	{ "1000 threads", many_threads, 40 },
	{ "restartable sequences", rseq_loops, 1 },
	{ "vDSO", vdso_loop, 1 },
	{ "exited leader", exited_leader, 1 },
	{ "dying process", dying, 1 },
	{ "stopped process", stopped, 1 },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* ---- the test ---- */

static int in_vdso(const struct thread *t)
{
	return t->regs.rip >= t->process->vdso_start && t->regs.rip < t->process->vdso_end;
}

static int freeze_once(const struct kind *k, pid_t pid, struct shared *s, int round)
{
	struct fault fault = { 0 };
	struct process *p;
	long result, before, after;
	bool may_die = k->run == dying, stops = k->run == stopped;
	size_t i;
	int ret, failures = 0;

	if (may_die)
		pid = s->aborts;
	if (may_die && pid <= 0)
		return 0;
	ret = process_freeze(pid, 10000, &p, &fault);
	if (ret < 0) {
		if (may_die && (ret == -ESRCH || ret == -EPERM))
			return 0;
		printf("bad: freezing %s: %s [%s]\n", k->name, fault.text, fault.id);
		return 1;
	}
	if (p->zombie) {
		process_thaw(p);
		return !may_die;
	}
	if (round % 2)
		process_guard(p);
	before = s->count;
	for (i = 0; i < p->thread_count; i++) {
		struct thread *t = &p->threads[i];

		if (t->exited_leader && !i && k->run == exited_leader)
			continue;
		if (t->exited_leader || in_vdso(t) || t->group_stopped != stops) {
			printf("bad: %s: thread %zu is not as it should be\n", k->name, i);
			failures++;
			continue;
		}
		if (round % 3 == 0)
			continue;
		ret = inject_one(t, &result, SYS_gettid, 0, 0, 0, 0, 0, 0, &fault);
		if (ret < 0 || result != t->virtual_tid) {
			printf("bad: injecting into %s: %s\n", k->name, fault.text);
			failures++;
		}
	}
	after = s->count;
	if (!may_die && before != after) {
		printf("bad: %s ran while it was frozen\n", k->name);
		failures++;
	}
	process_thaw(p);
	return failures;
}

static char state_of(pid_t pid)
{
	struct proc_stat stat;

	return proc_stat(pid, &stat) ? '?' : stat.state;
}

static int run_kind(const struct kind *k, int rounds)
{
	pid_t pid;
	long before;
	int round, failures = 0, waited;

	memset(shared, 0, sizeof(*shared));
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		k->run();
		_exit(2);
	}
	for (waited = 0; !shared->ready && waited < 5000; waited++)
		nap_us(1000);
	nap_us(20000);
	for (round = 0; round < rounds / k->share && !failures && !shared->failed; round++) {
		failures += freeze_once(k, pid, shared, round);
		nap_us(random() % 1500);
	}
	if (k->run == stopped) {
		for (waited = 0; state_of(pid) != 'T' && waited < 1000; waited++)
			nap_us(1000);
		if (state_of(pid) != 'T')
			printf("bad: a stopped process is in state %c\n", state_of(pid)), failures++;
		kill(pid, SIGCONT);
	}
	before = shared->count;
	for (waited = 0; shared->count == before && waited < 3000; waited++) {
		trace_release_late(); /* the parent of one that died in the last round waits for us */
		nap_us(1000);
	}
	if (shared->count == before)
		printf("bad: %s does not run on\n", k->name), failures++;
	if (shared->failed)
		printf("bad: %s: %s\n", k->name, shared->text), failures++;
	if (getenv("VERBOSE"))
		printf("%-24s %4d rounds, count %ld\n", k->name, round, shared->count);
	shared->failed = 1;
	kill(-pid, SIGKILL);
	for (waited = 0; waited < 3000 && waitpid(pid, NULL, __WALL | WNOHANG) != pid; waited++) {
		trace_release_late(); /* an exited leader tells its end to us first */
		nap_us(1000);
	}
	return failures;
}

int main(int argc, char *argv[])
{
	int rounds, failures = 0;
	int fd = argc == 2 && !strcmp(argv[1], "--exec") ? 3 : memfd_create("shared", 0);
	size_t i;

	if (fd != 3)
		fd = dup2(fd, 3);
	if (fd < 0 || ftruncate(fd, 4096))
		return 1;
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED || readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 1;
	if (argc == 2 && !strcmp(argv[1], "--exec"))
		exec_storm();
	rounds = argc > 1 ? atoi(argv[1]) : 400;
	setbuf(stdout, NULL);
	for (i = 0; i < KINDS; i++)
		if (argc < 3 || !strcmp(argv[2], kinds[i].name))
			failures += run_kind(&kinds[i], rounds);
	printf(failures ? "failed\n" : "ok\n");
	return failures != 0;
}

/*
 * Threads that wait in every kind of blocking call are frozen and thawed, with injected calls in
 * between, again and again: none may notice. Usage: freeze_calls_test [ROUNDS]
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../src/trace/process.h"
#include "../src/trace/wait.h"
#include "blocking_calls.h"

struct shared {
	atomic_int iterations;
	atomic_int failed;
	char text[160];
};

static struct shared *shared; /* of this victim */
int wake_fds[2], semaphore_id, queue_id;

void bad(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(shared->text, sizeof(shared->text), format, args);
	va_end(args);
	shared->failed = 1;
	_exit(1);
}

void nap_ms(int ms)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_nsec += ms * MS;
	end.tv_sec += end.tv_nsec / 1000000000;
	end.tv_nsec %= 1000000000;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL))
		;
}

struct timespec timespec_ms(int ms)
{
	return (struct timespec){ ms / 1000, ms % 1000 * MS };
}

/* The @i-th of both tables. */
static const struct blocking_call *call_at(size_t i)
{
	return i < timed_call_count ? &timed_calls[i] : &woken_calls[i - timed_call_count];
}

static void __attribute__((noreturn)) run_victim(const struct blocking_call *k)
{
	if (pipe(wake_fds))
		bad("pipe");
	for (;;) {
		uint64_t begin = monotonic_ns();
		int ret = k->call(k->ms);
		int64_t took = monotonic_ns() - begin;

		if (ret < 0)
			bad("%s", strerror(-ret));
		if (ret)
			bad("returned %d", ret);
		/* The real-time clock and ours may be stepped apart by a little: 1 ms. */
		if (took < (k->ms - (k->ms == SOCKET_MS ? TICK_MS : 1)) * MS)
			bad("lasted %lld us instead of %d ms", (long long)took / 1000, k->ms);
		shared->iterations++;
	}
}

static int freeze_once(pid_t pid, const char *name, int round)
{
	struct fault fault = { 0 };
	struct process *p;
	uint64_t scratch;
	long result;
	size_t i;

	if (process_freeze(pid, 5000, &p, &fault) < 0) {
		printf("bad: freezing %s: %s [%s]\n", name, fault.text, fault.id);
		return -1;
	}
	if (round % 8 > 4)
		process_guard(p);
	for (i = 0; i < p->thread_count && round % 4; i++) {
		struct thread *t = &p->threads[i];

		if (inject_begin(t, &fault) < 0 ||
		    inject_syscall(t, &result, SYS_gettid, 0, 0, 0, 0, 0, 0) < 0 ||
		    result != t->virtual_tid ||
		    (round % 4 == 1 && inject_scratch(t, &scratch, &fault) < 0) ||
		    inject_end(t) < 0) {
			printf("bad: injecting into %s: %s\n", name, fault.text);
			process_thaw(p);
			return -1;
		}
	}
	process_thaw(p);
	return 0;
}

int main(int argc, char *argv[])
{
	const size_t count = timed_call_count + woken_call_count;
	int rounds = argc > 1 ? atoi(argv[1]) : 1000, round, failures = 0;
	struct shared *all = mmap(NULL, count * sizeof(*all), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pids[count];
	size_t i;

	semaphore_id = semget(IPC_PRIVATE, 1, 0600);
	queue_id = msgget(IPC_PRIVATE, 0600);
	if (all == MAP_FAILED || semaphore_id < 0 || queue_id < 0) {
		printf("bad: %s\n", strerror(errno));
		return 1;
	}
	srandom(getpid());
	for (i = 0; i < count; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			shared = &all[i];
			run_victim(call_at(i));
		}
	}
	nap_ms(50);
	for (round = 0; round < rounds && !failures; round++) {
		for (i = 0; i < count && !failures; i++)
			if (!all[i].failed)
				failures += freeze_once(pids[i], call_at(i)->name, round) < 0;
		nap_ms(random() % 8);
		for (i = 0; i < count; i++)
			failures += all[i].failed;
	}
	for (i = 0; i < count; i++) {
		if (all[i].failed)
			printf("bad: %s: %s\n", call_at(i)->name, all[i].text);
		else if (!all[i].iterations)
			printf("bad: %s never ended\n", call_at(i)->name);
		failures += all[i].failed || !all[i].iterations;
		if (getenv("VERBOSE"))
			printf("%-32s %6d\n", call_at(i)->name, all[i].iterations);
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, __WALL);
	}
	semctl(semaphore_id, 0, IPC_RMID);
	msgctl(queue_id, IPC_RMID, NULL);
	if (trace_release_late())
		printf("bad: threads are left behind\n"), failures++;
	printf(failures ? "failed after %d rounds\n" : "ok\n", round);
	return failures != 0;
}

/*
 * victim: POSIX timers that call threads: SIGEV_THREAD and SIGEV_THREAD_ID
 * category: time
 */
#include <pthread.h>
#include <sys/syscall.h>

#include "victim.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static volatile unsigned long calls, directed;

static void on_call(union sigval value)
{
	victim_check(value.sival_int == 99);
	__atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
}

static void *waits(void *unused)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 4 };
	struct itimerspec time = { { 0, 15000000 }, { 0, 15000000 } };
	timer_t timer;
	sigset_t set;
	int number;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 4);
	victim_check(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	event.sigev_notify_thread_id = syscall(SYS_gettid);
	victim_check(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	victim_check(timer_settime(timer, 0, &time, NULL) == 0);
	for (;;) {
		victim_check(sigwait(&set, &number) == 0 && number == SIGRTMIN + 4);
		directed++;
	}
	return unused;
}

static void check(void)
{
	unsigned long calls_before = calls, directed_before = directed;

	for (int i = 0; calls == calls_before || directed == directed_before; i++) {
		victim_check(i < 10000);
		usleep(1000);
	}
}

int main(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD };
	struct itimerspec time = { { 0, 15000000 }, { 0, 15000000 } };
	pthread_t thread;
	sigset_t set;
	timer_t timer;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 4);
	victim_check(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	event.sigev_notify_function = on_call;
	event.sigev_value.sival_int = 99;
	victim_check(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	victim_check(timer_settime(timer, 0, &time, NULL) == 0);
	victim_check(pthread_create(&thread, NULL, waits, NULL) == 0);
	return victim_run(check);
}

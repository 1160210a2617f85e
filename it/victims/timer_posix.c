/*
 * victim: POSIX timers: ids, remaining times, signals with values
 * category: time
 * remark: the overruns of a signal that is still pending are not kept
 */
#include <pthread.h>
#include <sys/syscall.h>

#include "victim.h"

static timer_t often, far, late;
static volatile int value_seen, fired;

static void on_timer(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	victim_check(info->si_code == SI_TIMER);
	value_seen = info->si_value.sival_int;
	fired++;
}

static void check(void)
{
	struct itimerspec now;
	int before = fired;

	victim_check(timer_gettime(far, &now) == 0);
	victim_check(now.it_value.tv_sec > 3000 && now.it_value.tv_sec < 5000);
	victim_check(now.it_interval.tv_sec == 11 && now.it_interval.tv_nsec == 13);
	victim_check(timer_gettime(late, &now) == 0);
	victim_check(!now.it_value.tv_sec && !now.it_value.tv_nsec);
	for (int i = 0; fired == before; i++) {
		victim_check(i < 10000);
		usleep(1000);
	}
	victim_check(value_seen == 4711);
}

static timer_t make(clockid_t clock, int signal_number, int value)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = signal_number };
	timer_t timer;

	event.sigev_value.sival_int = value;
	victim_check(timer_create(clock, &event, &timer) == 0);
	return timer;
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = on_timer, .sa_flags = SA_SIGINFO | SA_RESTART };
	struct itimerspec often_time = { { 0, 15000000 }, { 0, 15000000 } };
	struct itimerspec far_time = { { 11, 13 }, { 4999, 0 } };

	victim_check(sigaction(SIGRTMIN, &action, NULL) == 0);
	timer_delete(make(CLOCK_REALTIME, SIGURG, 1)); /* ids need not start at 0 */
	timer_delete(make(CLOCK_REALTIME, SIGURG, 1));
	often = make(CLOCK_MONOTONIC, SIGRTMIN, 4711);
	far = make(CLOCK_BOOTTIME, SIGURG, 2);
	timer_delete(make(CLOCK_REALTIME, SIGURG, 1));
	late = make(CLOCK_REALTIME, SIGURG, 3);
	victim_check(timer_settime(often, 0, &often_time, NULL) == 0);
	victim_check(timer_settime(far, 0, &far_time, NULL) == 0);
	return victim_run(check);
}

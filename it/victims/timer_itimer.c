/*
 * victim: interval timers
 * category: time
 */
#include <sys/time.h>

#include "victim.h"

static volatile unsigned long real_ticks;

static void on_alarm(int number)
{
	(void)number;
	real_ticks++;
}

static void check(void)
{
	struct itimerval timer;
	unsigned long before = real_ticks;
	struct timespec pause = { .tv_nsec = 1000000 };

	victim_check(getitimer(ITIMER_REAL, &timer) == 0);
	victim_check(timer.it_interval.tv_sec == 0 && timer.it_interval.tv_usec == 20000);
	victim_check(timer.it_value.tv_sec == 0 && timer.it_value.tv_usec <= 20000);
	victim_check(getitimer(ITIMER_VIRTUAL, &timer) == 0);
	victim_check(timer.it_interval.tv_sec == 70 && timer.it_value.tv_sec >= 4000);
	victim_check(getitimer(ITIMER_PROF, &timer) == 0);
	victim_check(timer.it_interval.tv_sec == 90 && timer.it_value.tv_sec >= 4000);
	for (int i = 0; real_ticks == before; i++) {
		victim_check(i < 10000);
		nanosleep(&pause, NULL);
	}
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	struct itimerval often = { { 0, 20000 }, { 0, 20000 } }, virtual = { { 70, 0 }, { 5000, 0 } },
			 profile = { { 90, 0 }, { 5000, 0 } };

	victim_check(sigaction(SIGALRM, &action, NULL) == 0);
	victim_check(setitimer(ITIMER_REAL, &often, NULL) == 0);
	victim_check(setitimer(ITIMER_VIRTUAL, &virtual, NULL) == 0);
	victim_check(setitimer(ITIMER_PROF, &profile, NULL) == 0);
	return victim_run(check);
}

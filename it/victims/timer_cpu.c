/*
 * victim: POSIX timers on the processor time of the process and of a thread
 * category: time
 */
#include <pthread.h>

#include "victim.h"

static volatile int fired[2];

static void on_timer(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	fired[info->si_value.sival_int]++;
}

static void check(void)
{
	int before[2] = { fired[0], fired[1] };
	time_t limit = time(NULL) + 20;

	while (fired[0] == before[0] || fired[1] == before[1]) /* burns the time that they count */
		victim_check(time(NULL) < limit);
}

int main(void)
{
	static const clockid_t clocks[] = { CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID };
	struct sigaction action = { .sa_sigaction = on_timer, .sa_flags = SA_SIGINFO | SA_RESTART };
	struct itimerspec often = { { 0, 3000000 }, { 0, 3000000 } };

	victim_check(sigaction(SIGRTMIN + 3, &action, NULL) == 0);
	for (int i = 0; i < 2; i++) {
		struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
					  .sigev_signo = SIGRTMIN + 3 };
		timer_t timer;

		event.sigev_value.sival_int = i;
		victim_check(timer_create(clocks[i], &event, &timer) == 0);
		victim_check(timer_settime(timer, 0, &often, NULL) == 0);
	}
	return victim_run(check);
}

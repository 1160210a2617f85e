/*
 * victim: clock_nanosleep to an absolute time
 * category: time
 */
#include <stdint.h>

#include "victim.h"

static int64_t now_ms(void)
{
	struct timespec t;

	victim_check(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Most of the time is spent in the call: a checkpoint nearly always finds the program inside it. */
static void check(void)
{
	struct timespec want;

	victim_check(clock_gettime(CLOCK_MONOTONIC, &want) == 0);
	want.tv_nsec += 500000000;
	want.tv_sec += want.tv_nsec / 1000000000;
	want.tv_nsec %= 1000000000;
	victim_check(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &want, NULL) == 0);
	victim_check(now_ms() >= want.tv_sec * 1000 + want.tv_nsec / 1000000);
}

int main(void)
{
	return victim_run_undisturbed(check);
}

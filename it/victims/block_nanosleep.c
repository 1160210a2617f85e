/*
 * victim: nanosleep keeps its remaining time
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
	struct timespec want = { .tv_nsec = 700000000 };
	int64_t begin = now_ms();

	victim_check(nanosleep(&want, NULL) == 0);
	victim_check(now_ms() - begin >= 690);
}

int main(void)
{
	return victim_run_undisturbed(check);
}

/*
 * victim: select and pselect
 * category: time
 */
#include <sys/select.h>
#include <stdint.h>

#include "victim.h"

static int pipe_fds[2];

static int64_t now_ms(void)
{
	struct timespec t;

	victim_check(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Most of the time is spent in the call: a checkpoint nearly always finds the program inside it. */
static void check(void)
{
	struct timeval limit = { .tv_usec = 400000 };
	struct timespec plimit = { .tv_nsec = 300000000 };
	int64_t begin = now_ms();
	fd_set set;

	FD_ZERO(&set);
	FD_SET(pipe_fds[0], &set);
	victim_check(select(pipe_fds[0] + 1, &set, NULL, NULL, &limit) == 0);
	FD_SET(pipe_fds[0], &set);
	victim_check(pselect(pipe_fds[0] + 1, &set, NULL, NULL, &plimit, NULL) == 0);
	victim_check(now_ms() - begin >= 690);
}

int main(void)
{
	victim_check(pipe(pipe_fds) == 0);
	return victim_run_undisturbed(check);
}

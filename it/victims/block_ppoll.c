/*
 * victim: ppoll with a signal mask
 * category: time
 */
#include <poll.h>
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
	struct pollfd none = { .fd = pipe_fds[0], .events = POLLIN };
	struct timespec limit = { .tv_nsec = 600000000 };
	int64_t begin = now_ms();
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	victim_check(ppoll(&none, 1, &limit, &mask) == 0);
	victim_check(now_ms() - begin >= 590);
}

int main(void)
{
	victim_check(pipe(pipe_fds) == 0);
	return victim_run_undisturbed(check);
}

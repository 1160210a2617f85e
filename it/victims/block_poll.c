/*
 * victim: poll with a timeout
 * category: time
 * remark: a restart begins the time-out anew: the kernel does not tell how much of it has passed
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
	int64_t begin = now_ms();

	victim_check(poll(&none, 1, 600) == 0);
	victim_check(now_ms() - begin >= 590);
}

int main(void)
{
	victim_check(pipe(pipe_fds) == 0);
	return victim_run_undisturbed(check);
}

/*
 * victim: sigtimedwait does not return EINTR
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
	struct timespec limit = { .tv_nsec = 600000000 };
	int64_t begin = now_ms();
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMAX);
	errno = 0;
	victim_check(sigtimedwait(&set, NULL, &limit) == -1 && errno == EAGAIN);
	victim_check(now_ms() - begin >= 590);
}

int main(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMAX);
	victim_check(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	return victim_run_undisturbed(check);
}

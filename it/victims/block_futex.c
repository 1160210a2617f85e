/*
 * victim: futex waits with relative and absolute times
 * category: time
 */
#include <linux/futex.h>
#include <sys/syscall.h>
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
	static uint32_t word;
	struct timespec limit = { .tv_nsec = 300000000 };
	int64_t begin = now_ms();

	errno = 0;
	victim_check(syscall(SYS_futex, &word, FUTEX_WAIT, 0, &limit, NULL, 0) == -1 &&
		     errno == ETIMEDOUT);
	victim_check(clock_gettime(CLOCK_MONOTONIC, &limit) == 0);
	limit.tv_sec += 1;
	errno = 0;
	victim_check(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, &limit, NULL,
			     FUTEX_BITSET_MATCH_ANY) == -1 && errno == ETIMEDOUT);
	victim_check(now_ms() - begin >= 1290);
}

int main(void)
{
	return victim_run_undisturbed(check);
}

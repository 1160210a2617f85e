/*
 * victim: a periodic timerfd that nobody reads counts on, over restarts too
 * category: time
 */
#include <stdint.h>
#include <sys/timerfd.h>

#include "victim.h"

#define PERIOD_NS 10000000

static int unread, once;

static void check(void)
{
	struct itimerspec left;

	victim_check(!timerfd_gettime(once, &left) && !left.it_interval.tv_sec);
	victim_check(!left.it_value.tv_sec && !left.it_value.tv_nsec);
}

int main(void)
{
	struct itimerspec often = { { 0, PERIOD_NS }, { 0, PERIOD_NS } }, soon = { { 0, 0 }, { 0, 1 } };
	struct timespec start, now;
	uint64_t count, value;
	double passed;
	int result;

	unread = timerfd_create(CLOCK_MONOTONIC, 0);
	once = timerfd_create(CLOCK_MONOTONIC, 0);
	clock_gettime(CLOCK_MONOTONIC, &start);
	victim_check(!timerfd_settime(unread, 0, &often, NULL));
	victim_check(!timerfd_settime(once, 0, &soon, NULL));
	victim_check(read(once, &value, 8) == 8 && !timerfd_settime(once, 0, &soon, NULL));
	usleep(1000);
	result = victim_run(check);
	victim_check(read(once, &value, 8) == 8 && value == 1);
	victim_check(read(unread, &count, 8) == 8);
	clock_gettime(CLOCK_MONOTONIC, &now);
	passed = now.tv_sec - start.tv_sec + (now.tv_nsec - start.tv_nsec) / 1e9;
	/* The time that a restart takes may count or not: what it must not do is begin at 0. */
	victim_check(count <= passed * 1e9 / PERIOD_NS + 1);
	if (count < passed * 1e9 / PERIOD_NS / 2)
		victim_bad("%llu expirations in %.2f s", (unsigned long long)count, passed);
	return result;
}

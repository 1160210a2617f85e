/*
 * victim: timerfd: periodic, one-shot, far away, absolute, unread expirations
 * category: time
 */
#include <fcntl.h>
#include <stdint.h>
#include <sys/timerfd.h>

#include "victim.h"

static int periodic, far_away, absolute, unread;
static struct timespec start;
static uint64_t expirations;

static double since_start(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - start.tv_sec + (now.tv_nsec - start.tv_nsec) / 1e9;
}

static void check(void)
{
	struct itimerspec left;
	uint64_t value;

	if (read(periodic, &value, 8) == 8)
		expirations += value;
	else
		victim_check(errno == EAGAIN);
	victim_check(expirations <= since_start() / 0.05 + 1);
	victim_check(!timerfd_gettime(periodic, &left) && left.it_interval.tv_nsec == 50000000);
	victim_check(!timerfd_gettime(far_away, &left) && left.it_interval.tv_sec == 7);
	/* The time a restart takes may count or not. */
	victim_check(left.it_value.tv_sec <= 1000 && left.it_value.tv_sec >= 999 - since_start());
	victim_check(!timerfd_gettime(absolute, &left));
	victim_check(left.it_value.tv_sec <= 2000 && left.it_value.tv_sec > 1000);
	victim_check(read(far_away, &value, 8) < 0 && errno == EAGAIN);
}

int main(void)
{
	struct itimerspec often = { { 0, 50000000 }, { 0, 50000000 } };
	struct itimerspec late = { { 7, 0 }, { 1000, 0 } }, at = { { 0, 0 }, { 0, 0 } };
	struct itimerspec once = { { 0, 0 }, { 0, 1000 } };
	struct timespec now;
	uint64_t value;
	int result;

	clock_gettime(CLOCK_MONOTONIC, &start);
	clock_gettime(CLOCK_REALTIME, &now);
	at.it_value.tv_sec = now.tv_sec + 2000;
	periodic = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	far_away = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	absolute = timerfd_create(CLOCK_REALTIME, 0);
	unread = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK);
	victim_check(!timerfd_settime(periodic, 0, &often, NULL));
	victim_check(!timerfd_settime(far_away, 0, &late, NULL));
	victim_check(!timerfd_settime(absolute, TFD_TIMER_ABSTIME, &at, NULL));
	victim_check(!timerfd_settime(unread, 0, &once, NULL));
	usleep(20000);
	result = victim_run(check);
	if (read(unread, &value, 8) != 8 || value != 1)
		victim_bad("the unread expiration is lost");
	return result;
}

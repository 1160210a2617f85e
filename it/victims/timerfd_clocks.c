/*
 * victim: timerfds of every clock, absolute ones, those that a change of the clock cancels
 * category: time
 * scenarios: cycles twice
 */
#include <fcntl.h>
#include <stdint.h>
#include <sys/timerfd.h>

#include "victim.h"

static const struct kind {
	int clock, settime;
} kinds[] = {
	{ CLOCK_REALTIME, 0 },	{ CLOCK_REALTIME, TFD_TIMER_ABSTIME },
	{ CLOCK_REALTIME, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET },
	{ CLOCK_MONOTONIC, 0 }, { CLOCK_MONOTONIC, TFD_TIMER_ABSTIME },
	{ CLOCK_BOOTTIME, 0 },	{ CLOCK_BOOTTIME, TFD_TIMER_ABSTIME },
	{ CLOCK_REALTIME_ALARM, 0 }, { CLOCK_BOOTTIME_ALARM, TFD_TIMER_ABSTIME },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))
static int fds[KINDS];

static unsigned long shown(int fd, const char *name)
{
	char path[64], text[512], *found;
	int info;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = open(path, O_RDONLY);
	n = read(info, text, sizeof(text) - 1);
	close(info);
	text[n > 0 ? n : 0] = '\0';
	found = strstr(text, name);
	victim_check(found);
	return strtoul(found + strlen(name), NULL, 0);
}

/* The same clock; one that wakes the machine can be asked only where there is such a device. */
static clockid_t clock_of(clockid_t clock)
{
	return clock == CLOCK_BOOTTIME_ALARM ? CLOCK_BOOTTIME : clock;
}

static void check(void)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct itimerspec left;

		if (fds[i] < 0)
			continue;
		victim_check(shown(fds[i], "clockid: ") == (unsigned long)kinds[i].clock);
		if (shown(fds[i], "settime flags: ") != (unsigned long)kinds[i].settime)
			victim_bad("kind %zu: flags %lo", i, shown(fds[i], "settime flags: "));
		victim_check(!timerfd_gettime(fds[i], &left));
		if (left.it_value.tv_sec > 3000 || left.it_value.tv_sec < 2500 ||
		    left.it_interval.tv_sec != (long)i + 1)
			victim_bad("kind %zu: %ld s, every %ld s", i, left.it_value.tv_sec,
				   left.it_interval.tv_sec);
	}
}

int main(void)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct itimerspec at = { { i + 1, 0 }, { 3000, 0 } };
		struct timespec now = { 0 };

		fds[i] = timerfd_create(kinds[i].clock, TFD_NONBLOCK);
		if (fds[i] < 0)
			continue; /* alarms that wake the machine take CAP_WAKE_ALARM */
		if (kinds[i].settime)
			clock_gettime(clock_of(kinds[i].clock), &now);
		at.it_value.tv_sec += now.tv_sec;
		victim_check(!timerfd_settime(fds[i], kinds[i].settime, &at, NULL));
	}
	return victim_run(check);
}

/* Calls in which a thread waits, as the victims of freeze_calls_test make them again and again. */
#ifndef BLOCKING_CALLS_H
#define BLOCKING_CALLS_H

#include <stddef.h>
#include <time.h>

#define MS 1000000ll
#define LONG_MS 150  /* frozen some ten times while it lasts: the remaining time must be right */
#define SOCKET_MS 160 /* the same, of a time-out that the kernel counts in ticks */
#define TICK_MS 10   /* at most: CONFIG_HZ=100 */
#define WAKE_MS 5    /* until another thread wakes it */

struct blocking_call {
	const char *name;
	int (*call)(int ms); /* 0: right */
	int ms;              /* not shorter than that; 0: ended by another */
};

/* Ended by time, and by another thread or a child. */
extern const struct blocking_call timed_calls[], woken_calls[];
extern const size_t timed_call_count, woken_call_count;

/* What they wait for. The ids are of the test, which removes them. */
extern int wake_fds[2], semaphore_id, queue_id;

/* Something went wrong that is not the call: says so and ends the victim. */
void bad(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void nap_ms(int ms);
struct timespec timespec_ms(int ms);

#endif

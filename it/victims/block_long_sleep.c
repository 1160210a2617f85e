/*
 * victim: a sleep that lasts over a checkpoint ends when it would have ended
 * category: time
 */
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/select.h>
#include <sys/syscall.h>

#include "victim.h"

#define SLEEP_MS 700
#define LATE_MS 450 /* of scheduling, and of the moment in which everything stands still */

static int64_t now_ms(void)
{
	struct timespec t;

	victim_check(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void *by_nanosleep(void *unused)
{
	struct timespec t = { 0, SLEEP_MS * 1000000l }, rest;

	victim_check(nanosleep(&t, &rest) == 0);
	return unused;
}

static void *by_clock_nanosleep(void *unused)
{
	struct timespec t = { 0, SLEEP_MS * 1000000l };

	victim_check(clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &t) == 0);
	return unused;
}

static void *by_absolute_time(void *unused)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += SLEEP_MS * 1000000l;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	victim_check(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == 0);
	return unused;
}

static void *by_select(void *unused)
{
	struct timeval t = { 0, SLEEP_MS * 1000 };

	victim_check(select(0, NULL, NULL, NULL, &t) == 0);
	return unused;
}

static void *by_ppoll(void *unused)
{
	struct timespec t = { 0, SLEEP_MS * 1000000l };

	victim_check(ppoll(NULL, 0, &t, NULL) == 0);
	return unused;
}

static void *by_condition(void *unused)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t condition;
	pthread_condattr_t attributes;
	struct timespec t;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&condition, &attributes);
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += SLEEP_MS * 1000000l;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	pthread_mutex_lock(&mutex);
	victim_check(pthread_cond_timedwait(&condition, &mutex, &t) == ETIMEDOUT);
	pthread_mutex_unlock(&mutex);
	return unused;
}

static void *(*const sleeps[])(void *) = { by_nanosleep, by_clock_nanosleep, by_absolute_time,
					   by_select, by_ppoll, by_condition };
#define SLEEPS (sizeof(sleeps) / sizeof(sleeps[0]))

static void check(void)
{
	pthread_t threads[SLEEPS];
	int64_t begin = now_ms(), took;

	for (size_t i = 0; i < SLEEPS; i++)
		victim_check(pthread_create(&threads[i], NULL, sleeps[i], NULL) == 0);
	for (size_t i = 0; i < SLEEPS; i++)
		victim_check(pthread_join(threads[i], NULL) == 0);
	took = now_ms() - begin;
	if (took < SLEEP_MS || took > SLEEP_MS + LATE_MS)
		victim_bad("slept %lld ms instead of %d", (long long)took, SLEEP_MS);
}

int main(void)
{
	return victim_run_undisturbed(check);
}

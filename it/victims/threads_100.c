/*
 * victim: a hundred threads with their ids and thread-local data
 * category: threads
 * variants: dynamic static
 */
#include <pthread.h>
#include <sys/syscall.h>

#include "victim.h"

#define THREADS 100

static __thread long mine;
static pid_t tids[THREADS];
static volatile unsigned long turns[THREADS];

static void *live(void *argument)
{
	long index = (long)argument;
	struct timespec pause = { .tv_nsec = 5000000 };

	mine = index * 7919;
	tids[index] = syscall(SYS_gettid);
	for (;;) {
		victim_check(syscall(SYS_gettid) == tids[index]);
		victim_check(mine == index * 7919);
		turns[index]++;
		victim_check(nanosleep(&pause, NULL) == 0);
	}
	return NULL;
}

static void check(void)
{
	static unsigned long seen[THREADS];
	struct timespec pause = { .tv_nsec = 20000000 };

	for (int i = 0; i < THREADS; i++)
		seen[i] = turns[i];
	for (int waited = 0; waited < 500; waited++) {
		int moved = 0;

		for (int i = 0; i < THREADS; i++)
			moved += turns[i] > seen[i];
		if (moved == THREADS)
			return;
		nanosleep(&pause, NULL);
	}
	victim_bad("some thread does not run");
}

int main(void)
{
	pthread_t thread;

	for (long i = 0; i < THREADS; i++)
		victim_check(pthread_create(&thread, NULL, live, (void *)i) == 0);
	for (int i = 0; i < THREADS; i++)
		while (!turns[i])
			usleep(1000);
	return victim_run(check);
}

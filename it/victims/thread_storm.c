/*
 * victim: threads that are made and end all the time
 * category: threads
 */
#include <pthread.h>

#include "victim.h"

static volatile unsigned long made[4];

static void *brief(void *argument)
{
	return argument;
}

static void *storm(void *argument)
{
	long index = (long)argument;
	void *result;
	pthread_t thread;

	for (;;) {
		victim_check(pthread_create(&thread, NULL, brief, (void *)(index + 1)) == 0);
		victim_check(pthread_join(thread, &result) == 0);
		victim_check(result == (void *)(index + 1));
		made[index]++;
	}
	return NULL;
}

static void check(void)
{
	for (int i = 0; i < 4; i++) {
		unsigned long before = made[i];

		for (int waited = 0; made[i] == before; waited++) {
			victim_check(waited < 10000);
			usleep(1000);
		}
	}
}

int main(void)
{
	pthread_t thread;

	for (long i = 0; i < 4; i++)
		victim_check(pthread_create(&thread, NULL, storm, (void *)i) == 0);
	return victim_run(check);
}

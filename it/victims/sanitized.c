/*
 * victim: threads and memory under AddressSanitizer
 * category: process
 * link: -fsanitize=address
 */
#include <pthread.h>

#include "victim.h"

#define THREADS 4

static volatile unsigned long rounds[THREADS];

static void *allocate(void *number)
{
	long n = (long)number;

	for (;; rounds[n]++) {
		char *block = malloc(64 + rounds[n] % 1000);

		memset(block, 1, 64);
		free(block);
		if (rounds[n] % 1000 == 0)
			usleep(1000);
	}
	return NULL;
}

static void check(void)
{
	static unsigned long before[THREADS];

	for (int n = 0; n < THREADS; n++) {
		for (int k = 0; k < 1000 && rounds[n] == before[n]; k++)
			usleep(10000);
		victim_check(rounds[n] != before[n]);
		before[n] = rounds[n];
	}
}

int main(void)
{
	for (long n = 0; n < THREADS; n++) {
		pthread_t thread;

		victim_check(!pthread_create(&thread, NULL, allocate, (void *)n));
	}
	return victim_run(check);
}

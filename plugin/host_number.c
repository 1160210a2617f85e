/*
 * Asks for the number of its host and allocates, in several threads at once and all the time: whenever a
 * checkpoint comes, some thread stands in the middle of it.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void *busy(void *argument)
{
	long first = gethostid();

	(void)argument;
	for (;;) {
		free(malloc(100 + first % 7));
		if (gethostid() != first) {
			printf("wrong: %ld was %ld\n", gethostid(), first);
			fflush(stdout);
		}
	}
	return NULL;
}

int main(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, busy, NULL);
	pthread_create(&thread, NULL, busy, NULL);
	for (int i = 1;; i++) {
		printf("host %ld\ntick %d\n", gethostid(), i);
		fflush(stdout);
		usleep(200000);
	}
}

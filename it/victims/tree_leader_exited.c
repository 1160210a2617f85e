/*
 * victim: a child whose first thread has exited
 * category: tree
 * link: -pthread
 */
#include <pthread.h>

#include "family.h"

static void *live(void *unused)
{
	(void)unused;
	family_pause(100); /* the leader goes first */
	family_live(NULL);
}

int main(void)
{
	family_start();
	if (fork() == 0) {
		pthread_t thread;

		victim_check(pthread_create(&thread, NULL, live, NULL) == 0);
		pthread_exit(NULL);
	}
	family_await(1);
	return family_run(NULL);
}

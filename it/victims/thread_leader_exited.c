/*
 * victim: thread group whose leader has exited
 * category: threads
 */
#include <pthread.h>

#include "victim.h"

static unsigned long turns;

static void check(void)
{
	turns++;
	victim_check(getpid() > 0);
}

static void *live_on(void *unused)
{
	usleep(50000); /* the leader is gone by then */
	victim_run(check);
	_exit(0);
	return unused;
}

int main(void)
{
	pthread_t thread;

	victim_check(pthread_create(&thread, NULL, live_on, NULL) == 0);
	pthread_exit(NULL);
}

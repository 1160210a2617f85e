/*
 * victim: pthread_cancel and changes of ids in all threads, which use the C library's own signals
 * category: threads
 */
#include <pthread.h>

#include "victim.h"

static void *wait_long(void *unused)
{
	for (;;)
		pause();
	return unused;
}

int main(void)
{
	pthread_t threads[4];
	void *result;

	for (int i = 0; i < 4; i++)
		victim_check(pthread_create(&threads[i], NULL, wait_long, NULL) == 0);
	victim_check(pthread_cancel(threads[3]) == 0); /* installs the handler */
	victim_check(pthread_join(threads[3], &result) == 0 && result == PTHREAD_CANCELED);
	victim_ready();
	while (victim_tick())
		;
	victim_check(setegid(getegid()) == 0);
	victim_check(seteuid(geteuid()) == 0);
	for (int i = 0; i < 3; i++) {
		victim_check(pthread_cancel(threads[i]) == 0);
		victim_check(pthread_join(threads[i], &result) == 0 && result == PTHREAD_CANCELED);
	}
	return victim_ok();
}

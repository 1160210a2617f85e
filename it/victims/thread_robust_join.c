/*
 * victim: robust mutex of a dead owner, and join after a restart
 * category: threads
 */
#include <pthread.h>

#include "victim.h"

static pthread_mutex_t robust;
static volatile int go;

static void *hold_and_die(void *unused)
{
	victim_check(pthread_mutex_lock(&robust) == 0);
	while (!go)
		usleep(1000);
	return unused; /* with the lock held */
}

int main(void)
{
	pthread_mutexattr_t attributes;
	pthread_t thread;
	void *result = &robust;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust, &attributes);
	victim_check(pthread_create(&thread, NULL, hold_and_die, NULL) == 0);
	while (pthread_mutex_trylock(&robust) == 0) {
		pthread_mutex_unlock(&robust);
		usleep(1000);
	}
	victim_ready();
	do
		victim_check(pthread_mutex_trylock(&robust) == EBUSY);
	while (victim_tick());
	go = 1;
	victim_check(pthread_mutex_lock(&robust) == EOWNERDEAD);
	victim_check(pthread_mutex_consistent(&robust) == 0);
	victim_check(pthread_join(thread, &result) == 0 && result == NULL);
	return victim_ok();
}

/*
 * victim: mutex, condition variable and read-write lock in use
 * category: threads
 */
#include <pthread.h>

#include "victim.h"

#define THREADS 6

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static unsigned long token, pair[2];

static void *pass_on(void *argument)
{
	unsigned long index = (unsigned long)argument;

	for (;;) {
		pthread_mutex_lock(&mutex);
		while (token % THREADS != index)
			pthread_cond_wait(&changed, &mutex);
		token++;
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&mutex);
		pthread_rwlock_wrlock(&lock);
		pair[0]++;
		pair[1]++;
		pthread_rwlock_unlock(&lock);
	}
	return NULL;
}

static void check(void)
{
	unsigned long before, now;
	int waited = 0;

	pthread_rwlock_rdlock(&lock);
	victim_check(pair[0] == pair[1]);
	pthread_rwlock_unlock(&lock);
	pthread_mutex_lock(&mutex);
	before = token;
	pthread_mutex_unlock(&mutex);
	do {
		usleep(1000);
		pthread_mutex_lock(&mutex);
		now = token;
		pthread_mutex_unlock(&mutex);
	} while (now == before && ++waited < 10000);
	victim_check(now > before);
}

int main(void)
{
	pthread_t thread;

	for (unsigned long i = 0; i < THREADS; i++)
		victim_check(pthread_create(&thread, NULL, pass_on, (void *)i) == 0);
	return victim_run(check);
}

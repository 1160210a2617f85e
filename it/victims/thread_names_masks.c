/*
 * victim: per-thread names, signal masks and alternate stacks
 * category: threads
 */
#include <pthread.h>
#include <sys/prctl.h>

#include "victim.h"

#define THREADS 8

static pthread_barrier_t asked, answered;

static void *live(void *argument)
{
	long index = (long)argument;
	char name[16], now[16];
	sigset_t mask, seen;
	stack_t stack = { .ss_sp = malloc(65536), .ss_size = 16384 + index * 4096 }, read;

	snprintf(name, sizeof(name), "worker %ld", index);
	victim_check(prctl(PR_SET_NAME, name) == 0);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigaddset(&mask, SIGRTMIN + index);
	victim_check(pthread_sigmask(SIG_SETMASK, &mask, NULL) == 0);
	victim_check(sigaltstack(&stack, NULL) == 0);
	for (;;) {
		pthread_barrier_wait(&asked);
		victim_check(prctl(PR_GET_NAME, now) == 0 && !strcmp(now, name));
		victim_check(pthread_sigmask(SIG_SETMASK, NULL, &seen) == 0);
		for (int s = 1; s < 64; s++)
			if (s < 32 || s > 33)
				victim_check(sigismember(&mask, s) == sigismember(&seen, s));
		victim_check(sigaltstack(NULL, &read) == 0);
		victim_check(read.ss_sp == stack.ss_sp && read.ss_size == stack.ss_size);
		pthread_barrier_wait(&answered);
	}
	return NULL;
}

static void check(void)
{
	pthread_barrier_wait(&asked);
	pthread_barrier_wait(&answered);
}

int main(void)
{
	pthread_t thread;

	pthread_barrier_init(&asked, NULL, THREADS + 1);
	pthread_barrier_init(&answered, NULL, THREADS + 1);
	for (long i = 0; i < THREADS; i++)
		victim_check(pthread_create(&thread, NULL, live, (void *)i) == 0);
	return victim_run(check);
}

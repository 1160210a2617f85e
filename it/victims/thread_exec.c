/*
 * victim: a program with threads that executes itself again and again
 * category: threads
 * link: -pthread
 */
#include <pthread.h>

#include "victim.h"

#define THREADS 8
#define PER_TICK 25

static void *sleep_on(void *unused)
{
	(void)unused;
	for (;;)
		pause();
	return NULL;
}

/* A mask, and what waits behind it, outlive execve(2). */
static bool asked_to_finish(void)
{
	sigset_t waiting;

	victim_check(!sigpending(&waiting));
	return sigismember(&waiting, SIGUSR1);
}

int main(int argc, char **argv)
{
	unsigned int number = argc > 1 ? atoi(argv[1]) : 0;
	struct timespec moment = { .tv_nsec = 2000000 };
	char text[16], *next[] = { argv[0], text, NULL };
	pthread_t thread;
	sigset_t finish;

	sigemptyset(&finish);
	sigaddset(&finish, SIGUSR1);
	victim_check(!sigprocmask(SIG_BLOCK, &finish, NULL));
	if (!number)
		victim_say("ready");
	else if (number % PER_TICK == 0)
		victim_say("tick %u", number / PER_TICK);
	if (asked_to_finish())
		return victim_ok();
	for (int i = 0; i < THREADS; i++)
		victim_check(!pthread_create(&thread, NULL, sleep_on, NULL));
	nanosleep(&moment, NULL);
	snprintf(text, sizeof(text), "%u", number + 1);
	execv("/proc/self/exe", next);
	victim_bad("execv: %s", strerror(errno));
}

/*
 * victim: a program with threads that executes itself, by its first thread or another one
 * category: threads
 * link: -pthread
 */
#include <pthread.h>

#include "victim.h"

#define THREADS 8
#define PER_TICK 25

static unsigned int number;

static void *execute(void *unused)
{
	struct timespec moment = { .tv_nsec = 2000000 };
	char text[16], *next[] = { "thread_exec", text, NULL };

	(void)unused;
	nanosleep(&moment, NULL);
	snprintf(text, sizeof(text), "%u", number + 1);
	execv("/proc/thread-self/exe", next);
	victim_bad("execv: %s", strerror(errno));
}

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
	pthread_t thread;
	sigset_t finish;

	number = argc > 1 ? atoi(argv[1]) : 0;
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
	if (number % 3 == 0)
		execute(NULL);
	victim_check(!pthread_create(&thread, NULL, execute, NULL));
	if (number % 3 == 1)
		sleep_on(NULL);
	pthread_exit(NULL);
}

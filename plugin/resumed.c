/* Threads in all kinds of waits, and one that calculates: what they hold is theirs after a restart. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int there[2], back[2];

static void wrong(const char *what)
{
	printf("wrong: %s\n", what);
	fflush(stdout);
	exit(1);
}

/* Vector registers hold what it has so far. */
static void *calculate(void *unused)
{
	for (;;) {
		double sum[8] = { 0 };

		for (int i = 1; i < 2000000; i++)
			for (int k = 0; k < 8; k++)
				sum[k] += (double)(i ^ k) * 0.5;
		for (int k = 0; k < 8; k++) {
			double expected = 0;

			for (int i = 1; i < 2000000; i++)
				expected += (double)(i ^ k) * 0.5;
			if (sum[k] != expected)
				wrong("a sum");
		}
	}
	return unused;
}

static void *echo(void *unused)
{
	char byte;

	for (;;)
		if (read(there[0], &byte, 1) != 1 || write(back[1], &byte, 1) != 1)
			wrong("a read was interrupted");
	return unused;
}

static void *wait_long(void *unused)
{
	struct pollfd none = { .fd = -1 };

	if (poll(&none, 1, 1000000) || errno)
		wrong("poll has returned");
	return unused;
}

static void *nap(void *unused)
{
	const struct timespec some = { .tv_nsec = 50000000 };

	for (;;)
		if (nanosleep(&some, NULL))
			wrong("a sleep was interrupted");
	return unused;
}

static void start(void *(*function)(void *), size_t stack_bytes)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	if (stack_bytes)
		pthread_attr_setstacksize(&attributes, stack_bytes);
	if (pthread_create(&thread, &attributes, function, NULL))
		wrong("pthread_create");
}

int main(void)
{
	sigset_t mask, now;
	char byte = 0;

	if (pipe(there) || pipe(back))
		wrong("pipe");
	sigemptyset(&mask);
	sigaddset(&mask, SIGHUP);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	start(calculate, 0);
	start(echo, PTHREAD_STACK_MIN);
	start(wait_long, 0);
	start(nap, 0);
	for (int i = 1;; i++) {
		byte++;
		if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
			wrong("the echo");
		pthread_sigmask(SIG_BLOCK, NULL, &now);
		if (!sigismember(&now, SIGHUP) || sigismember(&now, SIGUSR1))
			wrong("the mask");
		printf("tick %d\n", i);
		fflush(stdout);
		usleep(200000);
	}
}

/*
 * victim: pause, sigsuspend and ppoll return only after a handler
 * category: time
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "victim.h"

#define WAITS 3

static pthread_t waiters[WAITS];
static atomic_int handled[WAITS], returned[WAITS], started;
static __thread int own;

static void on_wake(int number)
{
	(void)number;
	handled[own]++;
}

static void *wait_for_signals(void *argument)
{
	sigset_t blocked, open;

	own = (int)(long)argument;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR2);
	pthread_sigmask(SIG_SETMASK, NULL, &open);
	if (own) /* else pause: a signal that comes before it is not waited for */
		pthread_sigmask(SIG_BLOCK, &blocked, NULL);
	sigdelset(&open, SIGUSR2);
	sigaddset(&open, SIGUSR1);
	started++;
	for (;;) {
		int before = handled[own], ret;

		ret = own == 0 ? pause() : own == 1 ? sigsuspend(&open) : ppoll(NULL, 0, NULL, &open);
		victim_check(ret == -1 && errno == EINTR);
		victim_check(handled[own] > before);
		returned[own]++;
	}
	return NULL;
}

static void check(void)
{
	int before[WAITS];

	for (int i = 0; i < WAITS; i++) {
		victim_check(handled[i] - returned[i] <= 1 || i == 0);
		before[i] = returned[i];
		pthread_kill(waiters[i], SIGUSR2);
	}
	for (int i = 0; i < WAITS; i++)
		for (int n = 0; returned[i] == before[i]; n++) {
			if (n >= 5000)
				victim_bad("wait %d does not return", i);
			usleep(1000);
			if (i == 0)
				pthread_kill(waiters[i], SIGUSR2);
		}
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_wake, .sa_flags = SA_RESTART };
	sigset_t finish;

	victim_check(sigaction(SIGUSR2, &action, NULL) == 0);
	sigemptyset(&finish);
	sigaddset(&finish, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &finish, NULL);
	for (long i = 0; i < WAITS; i++)
		victim_check(pthread_create(&waiters[i], NULL, wait_for_signals, (void *)i) == 0);
	pthread_sigmask(SIG_UNBLOCK, &finish, NULL);
	while (started < WAITS)
		usleep(1000);
	return victim_run_undisturbed(check);
}

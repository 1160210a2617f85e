/*
 * victim: queued real-time signals of the process and of each thread, with values
 * category: threads
 */
#include <pthread.h>
#include <sys/syscall.h>

#include "victim.h"

#define THREADS 3
#define EACH 5

static volatile int finish, received[THREADS + 1];
static pthread_t threads[THREADS];

static void take_own(int which)
{
	struct timespec none = { 0 };
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	sigaddset(&set, SIGRTMIN + 2);
	for (int n = 0; n < EACH; n++) {
		victim_check(sigtimedwait(&set, &info, &none) == SIGRTMIN + 1);
		victim_check(info.si_code == SI_QUEUE && info.si_value.sival_int == which * 100 + n);
		received[which]++;
	}
}

static void *wait_for_finish(void *which)
{
	while (!finish)
		usleep(5000);
	take_own((int)(long)which);
	return NULL;
}

static void check(void)
{
	sigset_t pending;

	victim_check(!sigpending(&pending) && sigismember(&pending, SIGRTMIN + 2));
	victim_check(!sigismember(&pending, SIGRTMIN + 1));
}

int main(void)
{
	struct timespec none = { 0 };
	siginfo_t info;
	sigset_t set;
	int result;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	sigaddset(&set, SIGRTMIN + 2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (long n = 0; n < THREADS; n++)
		victim_check(!pthread_create(&threads[n], NULL, wait_for_finish, (void *)n));
	for (int n = 0; n < THREADS; n++)
		for (int i = 0; i < EACH; i++)
			victim_check(!pthread_sigqueue(threads[n], SIGRTMIN + 1,
						       (union sigval){ .sival_int = n * 100 + i }));
	for (int i = 0; i < EACH; i++)
		victim_check(!sigqueue(getpid(), SIGRTMIN + 2, (union sigval){ .sival_int = i }));
	result = victim_run(check);
	finish = 1;
	for (int n = 0; n < THREADS; n++)
		pthread_join(threads[n], NULL);
	for (int i = 0; i < EACH; i++) {
		victim_check(sigtimedwait(&set, &info, &none) == SIGRTMIN + 2);
		victim_check(info.si_value.sival_int == i && info.si_pid == getpid());
	}
	victim_check(sigtimedwait(&set, &info, &none) < 0 && errno == EAGAIN);
	return result;
}

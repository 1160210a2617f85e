/*
 * victim: mutexes across processes, held and waited for; several futexes at once; barriers
 * category: threads
 * scenarios: cycles twice
 * link: -pthread
 */
#include <linux/futex.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "victim.h"

struct futex_waitv_ {
	uint64_t value, address;
	uint32_t flags, reserved;
};

static struct shared {
	pthread_mutex_t inherit, robust;
	pthread_barrier_t barrier;
	volatile int got, woken, met;
	uint32_t words[3];
} *shared;

static void *wait_inherit(void *nothing)
{
	victim_check(!pthread_mutex_lock(&shared->inherit));
	shared->got++;
	victim_check(!pthread_mutex_unlock(&shared->inherit));
	return nothing;
}

static void *wait_many(void *nothing)
{
	struct futex_waitv_ waiters[3];

	for (int i = 0; i < 3; i++)
		waiters[i] = (struct futex_waitv_){ 0, (uintptr_t)&shared->words[i], 2, 0 };
	for (;;) {
		long n = syscall(449, waiters, 3, 0, NULL, 0);

		if (n == 1)
			break;
		if (n < 0 && errno == ENOSYS)
			break;
		victim_bad("futex_waitv: %ld %s", n, strerror(errno));
	}
	shared->woken = 1;
	return nothing;
}

static void *meet(void *nothing)
{
	pthread_barrier_wait(&shared->barrier);
	shared->met++;
	return nothing;
}

static void check(void)
{
	victim_check(!shared->got && !shared->woken && !shared->met);
	victim_check(pthread_mutex_trylock(&shared->inherit) == EBUSY);
}

int main(void)
{
	pthread_mutexattr_t attributes;
	pthread_barrierattr_t barrier;
	pthread_t threads[3];
	pid_t child, dead;
	int result, locked;

	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
	victim_check(!pthread_mutex_init(&shared->inherit, &attributes));
	pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_NONE);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	victim_check(!pthread_mutex_init(&shared->robust, &attributes));
	pthread_barrierattr_init(&barrier);
	pthread_barrierattr_setpshared(&barrier, PTHREAD_PROCESS_SHARED);
	victim_check(!pthread_barrier_init(&shared->barrier, &barrier, 3));
	victim_check(!pthread_mutex_lock(&shared->inherit));
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		victim_check(!pthread_create(&threads[0], NULL, meet, NULL));
		wait_inherit(NULL);
		for (;;)
			pause();
	}
	dead = fork();
	if (!dead) {
		victim_check(!pthread_mutex_lock(&shared->robust));
		_exit(0);
	}
	victim_check(waitpid(dead, NULL, 0) == dead);
	victim_check(!pthread_create(&threads[0], NULL, wait_inherit, NULL));
	victim_check(!pthread_create(&threads[1], NULL, wait_many, NULL));
	victim_check(!pthread_create(&threads[2], NULL, meet, NULL));
	usleep(50000);
	result = victim_run(check);
	victim_check(!pthread_mutex_unlock(&shared->inherit));
	for (int i = 0; shared->got < 2; i++) {
		victim_check(i < 5000);
		usleep(1000);
	}
	shared->words[1] = 1;
	syscall(SYS_futex, &shared->words[1], FUTEX_WAKE, 1, NULL, NULL, 0);
	pthread_barrier_wait(&shared->barrier);
	for (int i = 0; shared->met < 2 || !shared->woken; i++) {
		victim_check(i < 5000);
		usleep(1000);
	}
	locked = pthread_mutex_lock(&shared->robust);
	victim_check(locked == EOWNERDEAD);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return result;
}

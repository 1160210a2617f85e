/*
 * victim: a pidfd of a thread (PIDFD_THREAD)
 * category: descriptors
 * refused: process \d+: descriptor \d+ is a pidfd of thread \d+, not of a process
 * link: -pthread
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "victim.h"

#define PIDFD_THREAD_ O_EXCL /* Linux 6.9 */

static volatile pid_t thread_id;

static void *run(void *nothing)
{
	thread_id = syscall(SYS_gettid);
	for (;;)
		pause();
	return nothing;
}

static void check(void)
{
}

int main(void)
{
	pthread_t thread;

	victim_check(!pthread_create(&thread, NULL, run, NULL));
	while (!thread_id)
		usleep(1000);
	if (syscall(SYS_pidfd_open, thread_id, PIDFD_THREAD_) < 0)
		victim_unavailable("pidfd_open: %s", strerror(errno));
	return victim_run(check);
}

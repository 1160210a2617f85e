#include "wait.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

#define YIELDS 40                  /* a stop takes 5-20 us: cheaper to let others run than to sleep */
#define FIRST_NAP_NS 20000
#define LONGEST_NAP_NS 1000000

/*
 * Polls: a blocking waitpid(2) has no limit, and waiting for SIGCHLD would depend on the signal
 * masks of every other thread of the host program.
 */
int wait_for_change(pid_t tid, uint64_t deadline_ns, int *status)
{
	struct timespec nap = { 0, FIRST_NAP_NS };
	unsigned int tries;

	for (tries = 0;; tries++) {
		pid_t got = waitpid(tid, status, __WALL | WNOHANG);

		if (got == tid)
			return 0;
		if (got < 0 && errno != EINTR)
			return -errno;
		if (tries < YIELDS) {
			sched_yield();
			continue;
		}
		if (monotonic_ns() >= deadline_ns)
			return -ETIMEDOUT;
		nanosleep(&nap, NULL);
		if (nap.tv_nsec < LONGEST_NAP_NS)
			nap.tv_nsec += nap.tv_nsec / 2;
	}
}

bool is_event_stop(int status)
{
	return WIFSTOPPED(status) && status >> 16 == PTRACE_EVENT_STOP;
}

int group_stop_signal(int status)
{
	int signal = WSTOPSIG(status);

	return is_event_stop(status) && signal != SIGTRAP ? signal : 0;
}

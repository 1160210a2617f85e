/*
 * victim: pidfd of itself, of a child, of a process that has ended
 * category: descriptors
 */
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "victim.h"

static int own, childs, dead;
static pid_t child;

static int ended(int pidfd)
{
	struct pollfd state = { .fd = pidfd, .events = POLLIN };

	return poll(&state, 1, 0);
}

static void check(void)
{
	victim_check(ended(own) == 0 && ended(childs) == 0 && ended(dead) == 1);
	victim_check(!syscall(SYS_pidfd_send_signal, own, 0, NULL, 0));
	victim_check(!syscall(SYS_pidfd_send_signal, childs, 0, NULL, 0));
	victim_check(syscall(SYS_pidfd_send_signal, dead, 0, NULL, 0) < 0 && errno == ESRCH);
}

int main(void)
{
	siginfo_t info;
	pid_t short_lived;
	int result;

	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	short_lived = fork();
	if (!short_lived)
		_exit(0);
	own = syscall(SYS_pidfd_open, getpid(), 0);
	childs = syscall(SYS_pidfd_open, child, 0);
	dead = syscall(SYS_pidfd_open, short_lived, 0);
	victim_check(own >= 0 && childs >= 0 && dead >= 0);
	victim_check(waitpid(short_lived, NULL, 0) == short_lived);
	result = victim_run(check);
	victim_check(!syscall(SYS_pidfd_send_signal, childs, SIGTERM, NULL, 0));
	victim_check(!waitid(P_PIDFD, childs, &info, WEXITED) && info.si_pid == child);
	return result;
}

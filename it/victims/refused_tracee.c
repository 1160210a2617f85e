/*
 * victim: a child that another process traces
 * category: tree
 * refused: process \d+ is being traced by process \d+
 */
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "victim.h"

static pid_t child;

static void check(void)
{
	victim_check(ptrace(PTRACE_PEEKUSER, child, NULL, NULL) != -1 || !errno);
}

int main(void)
{
	int status;

	child = fork();
	victim_check(child >= 0);
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(0);
	}
	victim_check(waitpid(child, &status, 0) == child && WIFSTOPPED(status));
	return victim_run(check);
}

/*
 * victim: a stopped child whose stop its parent has not waited for yet
 * category: tree
 */
#include "family.h"

static pid_t child;

static void check(void)
{
	siginfo_t info = { 0 };

	victim_check(waitid(P_PID, child, &info, WSTOPPED | WNOHANG | WNOWAIT) == 0);
	victim_check(info.si_pid == child && info.si_code == CLD_STOPPED);
}

int main(void)
{
	siginfo_t info;

	family_start();
	child = fork();
	if (child == 0)
		family_live(NULL);
	family_await(1);
	kill(child, SIGSTOP);
	victim_check(waitid(P_PID, child, &info, WSTOPPED | WNOWAIT) == 0);
	victim_run_undisturbed(check);
	kill(child, SIGKILL);
	return 0;
}

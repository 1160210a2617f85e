/*
 * victim: zombies with their exit status
 * category: tree
 */
#include "family.h"

#define COUNT 5

static const struct {
	int exit_status, signal_number;
} ends[COUNT] = { { 0, 0 }, { 7, 0 }, { 255, 0 }, { 0, SIGTERM }, { 0, SIGKILL } };

static pid_t pids[COUNT];

static void check(void)
{
	for (int i = 0; i < COUNT; i++) {
		siginfo_t info = { 0 };

		victim_check(waitid(P_PID, pids[i], &info, WEXITED | WNOHANG | WNOWAIT) == 0);
		victim_check(info.si_pid == pids[i]);
		if (ends[i].signal_number)
			victim_check(info.si_code == CLD_KILLED &&
				     info.si_status == ends[i].signal_number);
		else
			victim_check(info.si_code == CLD_EXITED &&
				     info.si_status == ends[i].exit_status);
	}
}

int main(void)
{
	int status;

	for (int i = 0; i < COUNT; i++) {
		siginfo_t info;

		pids[i] = fork();
		if (pids[i] == 0) {
			if (ends[i].signal_number)
				raise(ends[i].signal_number);
			_exit(ends[i].exit_status);
		}
		victim_check(waitid(P_PID, pids[i], &info, WEXITED | WNOWAIT) == 0);
	}
	victim_run_undisturbed(check);
	victim_check(waitpid(pids[1], &status, 0) == pids[1] && status == 7 << 8);
	return 0;
}

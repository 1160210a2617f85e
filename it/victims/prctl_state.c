/*
 * victim: prctl state of a process
 * category: process
 */
#include <sys/prctl.h>

#include "victim.h"

static void check(void)
{
	int value = 0;

	victim_check(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	victim_check(prctl(PR_GET_CHILD_SUBREAPER, &value) == 0 && value == 1);
	victim_check(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1);
	victim_check(prctl(PR_GET_TIMERSLACK) == 123456);
	victim_check(prctl(PR_GET_PDEATHSIG, &value) == 0 && value == SIGURG);
	victim_check(prctl(PR_GET_DUMPABLE) == 1);
}

int main(void)
{
	victim_check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	victim_check(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	victim_check(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0);
	victim_check(prctl(PR_SET_TIMERSLACK, 123456) == 0);
	victim_check(prctl(PR_SET_PDEATHSIG, SIGURG) == 0);
	return victim_run(check);
}

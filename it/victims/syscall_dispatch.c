/*
 * victim: system calls turned into signals (PR_SET_SYSCALL_USER_DISPATCH)
 * category: threads
 * remark: kernels without it (before 5.11; told to tracers from 6.4) are not checked
 */
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "victim.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif

static volatile char blocking;
static volatile int caught;

static void on_call(int number)
{
	(void)number;
	blocking = 0; /* or the return from here would be one more */
	caught++;
}

static void check(void)
{
	int before = caught;

	blocking = 1; /* SYSCALL_DISPATCH_FILTER_BLOCK */
	for (volatile long i = 0; i < 20000000; i++) /* so that a checkpoint meets it */
		;
	syscall(SYS_getppid);
	blocking = 0;
	victim_check(caught == before + 1);
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_call };

	victim_check(sigaction(SIGSYS, &action, NULL) == 0);
	if (prctl(PR_SET_SYSCALL_USER_DISPATCH, 1, 0, 0, &blocking)) {
		victim_ready();
		while (victim_tick())
			;
		return victim_ok();
	}
	return victim_run_undisturbed(check);
}

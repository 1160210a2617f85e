/*
 * victim: a time stamp counter that faults (PR_SET_TSC)
 * category: process
 * scenarios: cycles twice
 */
#include <setjmp.h>
#include <sys/prctl.h>

#include "victim.h"

static sigjmp_buf back;

static void on_fault(int number)
{
	(void)number;
	siglongjmp(back, 1);
}

static void check(void)
{
	volatile unsigned int low, high;
	int mode = 0;

	victim_check(!prctl(PR_GET_TSC, &mode) && mode == PR_TSC_SIGSEGV);
	if (!sigsetjmp(back, 1)) {
		unsigned int a, d;

		__asm__ volatile("rdtsc" : "=a"(a), "=d"(d));
		low = a;
		high = d;
		victim_bad("the counter is readable: %u %u", high, low);
	}
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_fault };

	victim_check(!sigaction(SIGSEGV, &action, NULL));
	victim_check(!prctl(PR_SET_TSC, PR_TSC_SIGSEGV));
	return victim_run(check);
}

/*
 * victim: nice value, affinity, policy, I/O priority
 * category: process
 */
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "victim.h"

#define IOPRIO_BEST_EFFORT_5 ((2 << 13) | 5)

static void check(void)
{
	cpu_set_t set;

	errno = 0;
	victim_check(getpriority(PRIO_PROCESS, 0) == 7);
	victim_check(sched_getscheduler(0) == SCHED_BATCH);
	victim_check(sched_getaffinity(0, sizeof(set), &set) == 0);
	victim_check(CPU_COUNT(&set) == 1 && CPU_ISSET(0, &set));
	victim_check(syscall(SYS_ioprio_get, 1, 0) == IOPRIO_BEST_EFFORT_5);
}

int main(void)
{
	struct sched_param parameters = { 0 };
	cpu_set_t set;

	victim_check(setpriority(PRIO_PROCESS, 0, 7) == 0);
	victim_check(sched_setscheduler(0, SCHED_BATCH, &parameters) == 0);
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	victim_check(sched_setaffinity(0, sizeof(set), &set) == 0);
	victim_check(syscall(SYS_ioprio_set, 1, 0, IOPRIO_BEST_EFFORT_5) == 0);
	return victim_run(check);
}

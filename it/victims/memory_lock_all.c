/*
 * victim: memory that is locked as soon as it is mapped, or touched (mlockall)
 * category: memory
 * scenarios: cycles twice
 */
#include <sys/prctl.h>
#include <sys/wait.h>

#include "mapping.h"

static char *before;
static bool on_fault;
static pid_t child;

static void check(void)
{
	char *after = mapping_private(4 * PAGE);

	victim_check(mapping_has_flag(before, "lo") && mapping_has_flag(before, "lf") == on_fault);
	victim_check(mapping_has_flag(after, "lo") && mapping_has_flag(after, "lf") == on_fault);
	victim_check(!munmap(after, 4 * PAGE));
	victim_check(!child || !waitpid(child, NULL, WNOHANG));
}

static void lock(int flags)
{
	before = mapping_private(8 * PAGE);
	if (mlockall(MCL_CURRENT | MCL_FUTURE | flags))
		victim_unavailable("mlockall: %s", strerror(errno));
}

int main(void)
{
	int result;

	lock(0);
	child = fork(); /* locks are not inherited, mlockall(2) */
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		on_fault = true;
		for (lock(MCL_ONFAULT);; usleep(20000))
			check();
	}
	victim_check(child > 0);
	result = victim_run(check);
	victim_check(!kill(child, SIGKILL));
	waitpid(child, NULL, 0);
	return result;
}

/*
 * victim: memory that is locked as soon as it is mapped, or touched (mlockall)
 * category: memory
 * scenarios: cycles twice
 */
#include <sys/wait.h>

#include "mapping.h"

static char *before;
static bool on_fault;

static void check(void)
{
	char *after = mapping_private(4 * PAGE);

	victim_check(mapping_has_flag(before, "lo") && mapping_has_flag(before, "lf") == on_fault);
	victim_check(mapping_has_flag(after, "lo") && mapping_has_flag(after, "lf") == on_fault);
	victim_check(!munmap(after, 4 * PAGE));
}

static void lock(int flags)
{
	before = mapping_private(8 * PAGE);
	if (mlockall(MCL_CURRENT | MCL_FUTURE | flags))
		victim_unavailable("mlockall: %s", strerror(errno));
}

int main(void)
{
	int result, status, ask[2];
	pid_t child;
	char byte;

	victim_check(!pipe(ask));
	lock(0);
	child = fork(); /* locks are not inherited, mlockall(2) */
	if (!child) {
		close(ask[1]);
		on_fault = true;
		lock(MCL_ONFAULT);
		victim_check(read(ask[0], &byte, 1) == 1);
		check();
		_exit(0);
	}
	victim_check(child > 0);
	result = victim_run(check);
	victim_check(write(ask[1], "x", 1) == 1);
	victim_check(waitpid(child, &status, 0) == child && !status);
	return result;
}

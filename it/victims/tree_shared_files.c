/*
 * victim: a child with the same descriptor table (CLONE_FILES)
 * category: tree
 */
#include <fcntl.h>

#include "family.h"

#define NUMBER 77

static void check(void)
{
	int flags;

	/* What one opens the other can use and close. */
	victim_check(dup2(0, NUMBER) == NUMBER);
	for (int i = 0; i < 500 && fcntl(NUMBER, F_GETFD) >= 0; i++)
		family_pause(5);
	flags = fcntl(NUMBER, F_GETFD);
	victim_check(flags < 0 && errno == EBADF);
}

static void close_it(void)
{
	close(NUMBER);
}

int main(void)
{
	family_start();
	if (family_clone(CLONE_FILES | SIGCHLD) == 0)
		family_live(close_it);
	family_await(1);
	return family_run(check);
}

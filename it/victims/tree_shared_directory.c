/*
 * victim: a child with the same working directory and umask (CLONE_FS)
 * category: tree
 */
#include <sys/stat.h>

#include "family.h"

static void check(void)
{
	mode_t mask;

	umask(0);
	for (int i = 0; i < 500; i++) {
		mask = umask(0); /* the only way to read it */
		if (mask == 0123)
			return;
		family_pause(5);
	}
	victim_bad("umask is %o", mask);
}

static void set_it(void)
{
	umask(0123);
}

int main(void)
{
	family_start();
	if (family_clone(CLONE_FS | SIGCHLD) == 0)
		family_live(set_it);
	family_await(1);
	return family_run(check);
}

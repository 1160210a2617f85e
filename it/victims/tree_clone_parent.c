/*
 * victim: a sibling made with CLONE_PARENT
 * category: tree
 */
#include "family.h"

int main(void)
{
	family_start();
	if (fork() == 0) {
		if (family_clone(CLONE_PARENT | SIGCHLD) == 0)
			family_live(NULL);
		family_live(NULL);
	}
	family_await(2);
	victim_check(family->members[0].parent == getpid());
	victim_check(family->members[1].parent == getpid());
	return family_run(NULL);
}

/*
 * victim: a daemon that has left the tree
 * category: tree
 */
#include <fcntl.h>

#include "family.h"

int main(void)
{
	family_start();
	if (fork() == 0) {
		setsid();
		if (fork() == 0) {
			pid_t before = getppid();

			for (int i = 0; i < 500 && getppid() == before; i++)
				family_pause(5);
			victim_check(getppid() != before);
			family_live(NULL);
		}
		family_pause(20);
		_exit(0);
	}
	victim_check(wait(NULL) > 0);
	family_await(1);
	return family_run(NULL);
}

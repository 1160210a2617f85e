/*
 * victim: a daemon that has left the tree and overwritten its environment
 * category: tree
 */
#include "family.h"

#include <string.h>

/* As setproctitle() of many daemons: nothing is left in /proc/PID/environ. */
static void erase_environment(void)
{
	extern char **environ;
	char *begin = environ[0], *end = begin;

	for (char **at = environ; *at; at++)
		end = *at + strlen(*at) + 1;
	memset(begin, 0, end - begin);
	*environ = NULL;
}

int main(void)
{
	family_start();
	if (fork() == 0) {
		setsid();
		erase_environment();
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

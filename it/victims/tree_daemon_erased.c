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
	family_start_daemon(erase_environment);
	return family_run(NULL);
}

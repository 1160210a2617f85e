/*
 * victim: vfork and exec all the time
 * category: tree
 */
#include <spawn.h>

#include "family.h"

extern char **environ;

static void check(void)
{
	char *arguments[] = { "tree_vfork", "child", NULL };

	for (int i = 0; i < 10; i++) {
		pid_t pid;
		int status;

		victim_check(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, arguments,
					 environ) == 0);
		victim_check(waitpid(pid, &status, 0) == pid && status == 5 << 8);
	}
}

int main(int argc, char *argv[])
{
	(void)argv;
	if (argc > 1)
		return 5;
	return victim_run_undisturbed(check);
}

/*
 * Executes itself again and again, with an empty environment or with LD_PRELOAD taken out, and says
 * each time whether it is still under checkpoint control.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dmtcp.h"

extern char **environ;

static int spawn_empty(const char *program)
{
	char *argv[] = { (char *)program, "child", NULL }, *none[] = { NULL };
	int status;
	pid_t pid;

	if (posix_spawn(&pid, program, NULL, NULL, argv, none) || waitpid(pid, &status, 0) < 0)
		return -1;
	return status;
}

int main(int argc, char **argv)
{
	int turn = argc > 1 ? atoi(argv[1]) : 0;
	char next[16], *none[] = { NULL }, *again[] = { argv[0], next, NULL };

	if (argc > 1 && !strcmp(argv[1], "child"))
		return dmtcp_is_enabled() ? 0 : 1;
	printf("%s\ntick %d\n", dmtcp_is_enabled() ? "enabled" : "lost", turn);
	if (turn % 8 == 7 && spawn_empty(argv[0]))
		printf("lost a child\n");
	fflush(stdout);
	usleep(20000);
	snprintf(next, sizeof(next), "%d", turn + 1);
	unsetenv("LD_PRELOAD");
	execve("/proc/self/exe", again, turn % 2 ? environ : none);
	return 2;
}

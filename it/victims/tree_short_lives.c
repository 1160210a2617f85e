/*
 * victim: processes start and end all the time
 * category: tree
 */
#include "family.h"

static void make_some(void)
{
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0)
			_exit(i);
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status != i << 8) {
			snprintf(family->error, sizeof(family->error),
				 "child %d: pid %d status %x errno %d", i, pid, status, errno);
			return;
		}
	}
}

int main(void)
{
	family_start();
	for (int i = 0; i < 3; i++)
		if (fork() == 0)
			family_live(make_some);
	family_await(3);
	return family_run(NULL);
}

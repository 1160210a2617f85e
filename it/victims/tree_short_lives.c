/*
 * victim: processes start and end all the time
 * category: tree
 */
#include "family.h"

#define PARENTS 8
#define TOUCHED (256 * 1024) /* bytes: they take a moment to end, several at a time */

static void live_shortly(int status)
{
	char *memory = mmap(NULL, TOUCHED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (int i = 0; memory != MAP_FAILED && i < TOUCHED; i += 4096)
		memory[i] = 1;
	_exit(status);
}

static void make_some(void)
{
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0)
			live_shortly(i);
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
	for (int i = 0; i < PARENTS; i++)
		if (fork() == 0)
			family_live(make_some);
	family_await(PARENTS);
	return family_run(NULL);
}

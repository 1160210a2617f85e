/*
 * victim: a child that has executed another program
 * category: tree
 */
#include <sys/stat.h>

#include "family.h"

/* argv: "child" DESCRIPTOR: writes one byte per beat into the pipe until nobody reads. */
static int child(int fd)
{
	pid_t parent = getppid();

	signal(SIGPIPE, SIG_IGN);
	while (getppid() == parent && write(fd, "x", 1) == 1)
		family_pause(20);
	return 0;
}

static int reader;

static void check(void)
{
	char byte;

	for (int i = 0; i < 3; i++)
		victim_check(read(reader, &byte, 1) == 1 && byte == 'x');
}

int main(int argc, char *argv[])
{
	int ends[2];

	if (argc > 2)
		return child(atoi(argv[2]));
	victim_check(pipe(ends) == 0);
	if (fork() == 0) {
		char number[16];

		close(ends[0]);
		snprintf(number, sizeof(number), "%d", ends[1]);
		execl("/proc/self/exe", "tree_exec", "child", number, NULL);
		_exit(127);
	}
	close(ends[1]);
	reader = ends[0];
	return victim_run_undisturbed(check);
}

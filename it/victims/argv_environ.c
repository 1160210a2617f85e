/*
 * victim: arguments, environment and their /proc files
 * category: process
 */
#include <fcntl.h>

#include "victim.h"

extern char **environ;

static char command_line[4096], environment[65536];
static ssize_t command_bytes, environment_bytes;

static ssize_t slurp(const char *path, char *to, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t all = 0, got;

	victim_check(fd >= 0);
	while ((got = read(fd, to + all, size - all)) > 0)
		all += got;
	close(fd);
	return all;
}

static void check(void)
{
	static char now[65536];

	victim_check(slurp("/proc/self/cmdline", now, sizeof(now)) == command_bytes);
	victim_check(!memcmp(now, command_line, command_bytes));
	victim_check(slurp("/proc/self/environ", now, sizeof(now)) == environment_bytes);
	victim_check(!memcmp(now, environment, environment_bytes));
	victim_check(getenv("VICTIM_DIR") || environ[0]);
}

int main(void)
{
	command_bytes = slurp("/proc/self/cmdline", command_line, sizeof(command_line));
	environment_bytes = slurp("/proc/self/environ", environment, sizeof(environment));
	return victim_run(check);
}

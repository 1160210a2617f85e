/*
 * victim: a program that runs from a memfd, and its /proc/self/exe
 * category: memory
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>

#include "victim.h"

static void run_from_memory(void)
{
	char *const arguments[] = { "memory", "again", NULL };
	int memory = memfd_create("program", MFD_CLOEXEC), file = open("/proc/self/exe", O_RDONLY);
	char data[4096];
	ssize_t bytes;

	victim_check(memory >= 0 && file >= 0);
	while ((bytes = read(file, data, sizeof(data))) > 0)
		victim_check(write(memory, data, bytes) == bytes);
	close(file);
	fexecve(memory, arguments, environ);
	victim_bad("fexecve: %s", strerror(errno));
}

static void check(void)
{
	char path[PATH_MAX] = "", head[4];
	int file = open("/proc/self/exe", O_RDONLY);

	victim_check(readlink("/proc/self/exe", path, sizeof(path) - 1) > 0);
	if (strcmp(path, "/memfd:program (deleted)"))
		victim_bad("/proc/self/exe is %s", path);
	victim_check(file >= 0 && read(file, head, 4) == 4 && !memcmp(head, "\177ELF", 4));
	close(file);
}

int main(int count, char *arguments[])
{
	(void)arguments;
	if (count == 1)
		run_from_memory();
	return victim_run(check);
}

/*
 * victim: the program's file deleted while it runs
 * category: memory
 * remark: its code is in the image; /proc/self/exe then names memory
 */
#include <dlfcn.h>
#include <sys/sendfile.h>

#include "mapping.h"

static int (*volatile function)(const char *, const char *) = strcmp;

static void check(void)
{
	victim_check(function("a", "a") == 0);
	victim_check(strstr("some text", "text"));
}

int main(int count, char **arguments)
{
	struct stat status;
	int from, to;

	if (count > 1) {
		victim_check(unlink("copy") == 0);
		return victim_run(check);
	}
	from = open("/proc/self/exe", O_RDONLY);
	to = open("copy", O_WRONLY | O_CREAT | O_TRUNC, 0700);
	victim_check(from >= 0 && to >= 0 && fstat(from, &status) == 0);
	victim_check(sendfile(to, from, NULL, status.st_size) == status.st_size);
	close(from);
	close(to);
	execl("./copy", arguments[0], "again", (char *)NULL);
	victim_check(!"executed");
}

/*
 * victim: a root directory of its own (chroot)
 * category: process
 * needs: root
 * variants: static
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "victim.h"

static int file;

static void check(void)
{
	struct stat root, here;
	char path[4096], data[8] = "";

	victim_check(getcwd(path, sizeof(path)) && !strcmp(path, "/below"));
	victim_check(!stat("/mark", &root) && root.st_size == 4 && !stat("..", &here));
	victim_check(pread(file, data, 4, 0) == 4 && !strcmp(data, "mark"));
	victim_check(access("/etc/passwd", F_OK) < 0);
}

int main(void)
{
	int mark;

	victim_check(!mkdir("root", 0755) && !mkdir("root/below", 0755));
	mark = open("root/mark", O_RDWR | O_CREAT, 0600);
	victim_check(write(mark, "mark", 4) == 4 && !close(mark));
	victim_check(!chroot("root") && !chdir("/below"));
	file = open("/mark", O_RDONLY);
	return victim_run(check);
}

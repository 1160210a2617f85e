/*
 * victim: file without a name (O_TMPFILE), which is given one in the end
 * category: descriptors
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "victim.h"

static int fd;

static void check(void)
{
	struct stat status;
	char data[6] = "";

	victim_check(!fstat(fd, &status) && status.st_nlink == 0 && status.st_size == 5);
	victim_check(pread(fd, data, 5, 0) == 5 && !strcmp(data, "quiet"));
}

int main(void)
{
	char path[64];
	int result;

	fd = open(".", O_TMPFILE | O_RDWR, 0600);
	victim_check(fd >= 0 && write(fd, "quiet", 5) == 5);
	result = victim_run(check);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	victim_check(!linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
	return result;
}

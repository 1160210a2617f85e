/*
 * victim: file renamed while open, and one replaced by another
 * category: descriptors
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "victim.h"

static int renamed, replaced;

static void check_content(int fd, const char *text)
{
	char data[8] = "";

	victim_check(pread(fd, data, 3, 0) == 3 && !strcmp(data, text));
}

static void check(void)
{
	struct stat a, b;
	int now;

	check_content(renamed, "one");
	check_content(replaced, "old");
	victim_check(!fstat(renamed, &a) && !stat("new-name", &b) && a.st_ino == b.st_ino);
	now = open("replaced", O_RDONLY);
	victim_check(now >= 0);
	check_content(now, "new");
	close(now);
}

static int make(const char *name, const char *text)
{
	int fd = open(name, O_CREAT | O_EXCL | O_RDWR, 0600);

	victim_check(fd >= 0 && write(fd, text, 3) == 3);
	return fd;
}

int main(void)
{
	renamed = make("old-name", "one");
	victim_check(!rename("old-name", "new-name"));
	replaced = make("replaced", "old");
	close(make("other", "new"));
	victim_check(!rename("other", "replaced"));
	return victim_run(check);
}

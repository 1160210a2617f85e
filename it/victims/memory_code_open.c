/*
 * victim: a program file that is mapped, open and deleted
 * category: memory
 */
#include <sys/sendfile.h>

#include "mapping.h"

static int fd;
static char *mapped, before[2 * PAGE];

static void check(void)
{
	char now[2 * PAGE];

	victim_check(!memcmp(mapped, before, sizeof(before)));
	victim_check(pread(fd, now, sizeof(now), 0) == sizeof(now));
	victim_check(!memcmp(now, before, sizeof(before)));
	victim_check(pread(fd, now, PAGE, 3 * PAGE) > 0); /* what is not mapped is there too */
}

int main(void)
{
	struct stat status;
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	fd = open("copy", O_RDWR | O_CREAT | O_TRUNC, 0700);
	victim_check(from >= 0 && fd >= 0 && fstat(from, &status) == 0);
	victim_check(sendfile(fd, from, NULL, status.st_size) == status.st_size);
	close(from);
	victim_check(status.st_size > 4 * (off_t)PAGE);
	mapped = mapping_at(NULL, 2 * PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	memcpy(before, mapped, sizeof(before));
	victim_check(unlink("copy") == 0);
	return victim_run(check);
}

/*
 * victim: secret memory (memfd_secret)
 * category: memory
 * refused: process \d+: descriptor \d+ \(/secretmem .*\) cannot be captured: it is secret memory
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "victim.h"

static int fd;

static void check(void)
{
	victim_check(fcntl(fd, F_GETFD) >= 0);
}

int main(void)
{
	fd = syscall(447, 0); /* SYS_memfd_secret */
	if (fd < 0)
		victim_unavailable("memfd_secret: %s", strerror(errno));
	victim_check(!ftruncate(fd, 4096));
	return victim_run(check);
}

/*
 * victim: an io_uring
 * category: descriptors
 * refused: process \d+: descriptor \d+ \(anon_inode:\[io_uring\]\) cannot be captured: it is an io_uring
 */
#include <fcntl.h>
#include <linux/io_uring.h>
#include <sys/syscall.h>

#include "victim.h"

static int fd;

static void check(void)
{
	victim_check(fcntl(fd, F_GETFD) >= 0);
}

int main(void)
{
	struct io_uring_params parameters = { 0 };

	fd = syscall(SYS_io_uring_setup, 4, &parameters);
	if (fd < 0)
		victim_unavailable("io_uring_setup: %s", strerror(errno));
	return victim_run(check);
}

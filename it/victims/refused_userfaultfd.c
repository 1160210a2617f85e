/*
 * victim: a userfaultfd
 * category: descriptors
 * refused: process \d+: descriptor \d+ \(anon_inode:\[userfaultfd\]\) cannot be captured: it is a userfaultfd
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/syscall.h>

#include "victim.h"

static int fd;

static void check(void)
{
	victim_check(fcntl(fd, F_GETFD) >= 0);
}

int main(void)
{
	fd = syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	if (fd < 0)
		victim_unavailable("userfaultfd: %s", strerror(errno));
	return victim_run(check);
}

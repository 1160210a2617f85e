/*
 * victim: a block device
 * category: descriptors
 * refused: process \d+: descriptor \d+ \(/dev/loop0\) cannot be captured: it is a block device
 * needs: root
 */
#include <fcntl.h>

#include "victim.h"

static int fd;

static void check(void)
{
	victim_check(fcntl(fd, F_GETFD) >= 0);
}

int main(void)
{
	fd = open("/dev/loop0", O_RDONLY);
	if (fd < 0)
		victim_unavailable("/dev/loop0: %s", strerror(errno));
	return victim_run(check);
}

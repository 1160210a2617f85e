/*
 * victim: a virtual machine of KVM
 * category: descriptors
 * refused: process \d+: descriptor \d+ is the device /dev/kvm
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
	fd = open("/dev/kvm", O_RDWR);
	if (fd < 0)
		victim_unavailable("/dev/kvm: %s", strerror(errno));
	return victim_run(check);
}

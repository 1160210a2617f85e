/*
 * victim: the memory of an io_uring whose descriptor has been closed
 * category: memory
 * refused: process \d+: memory at .*io_uring.*: it is a ring shared with the kernel
 */
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "victim.h"

static volatile unsigned int *ring, mask, place;

static void check(void)
{
	victim_check(ring[place] == mask && mask == 3);
}

int main(void)
{
	struct io_uring_params parameters = { 0 };
	int fd = syscall(SYS_io_uring_setup, 4, &parameters);

	if (fd < 0)
		victim_unavailable("io_uring_setup: %s", strerror(errno));
	ring = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
		    IORING_OFF_SQ_RING);
	victim_check(ring != MAP_FAILED && !close(fd));
	mask = ring[parameters.sq_off.ring_mask / sizeof(*ring)];
	place = parameters.sq_off.ring_mask / sizeof(*ring);
	return victim_run(check);
}

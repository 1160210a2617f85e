/*
 * victim: asynchronous I/O of the kernel (io_setup)
 * category: memory
 * refused: process \d+: memory at .*: it is a ring of asynchronous I/O
 */
#include <linux/aio_abi.h>
#include <sys/syscall.h>

#include "victim.h"

static aio_context_t context;

static void check(void)
{
	struct timespec none = { 0 };
	struct io_event event;

	victim_check(syscall(SYS_io_getevents, context, 0, 1, &event, &none) == 0);
}

int main(void)
{
	if (syscall(SYS_io_setup, 4, &context))
		victim_unavailable("io_setup: %s", strerror(errno));
	return victim_run(check);
}

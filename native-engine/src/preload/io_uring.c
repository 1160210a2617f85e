/*
 * A ring of io_uring is shared with the kernel and cannot be captured. Programs that set one up
 * through liburing and can do without (databases, emulators) are told that the kernel has none, as an
 * older one says. DMTCP_IO_URING=1: they get it, and no checkpoint.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define VISIBLE __attribute__((visibility("default")))

static bool is_refused(void)
{
	const char *wanted = getenv("DMTCP_IO_URING");

	return getenv("DMTCP_COMPUTATION_ID") && !getenv("DMTCP_NOCHECKPOINT") &&
	       !(wanted && !strcmp(wanted, "1"));
}

/* NULL: as a kernel without io_uring. */
static void *next(const char *name)
{
	return is_refused() ? NULL : dlsym(RTLD_NEXT, name);
}

/* io_uring_queue_init(3), liburing 0.1 and later: they return -errno */
VISIBLE int io_uring_queue_init(unsigned int entries, void *ring, unsigned int flags)
{
	int (*set_up)(unsigned int, void *, unsigned int) = next("io_uring_queue_init");

	return set_up ? set_up(entries, ring, flags) : -ENOSYS;
}

VISIBLE int io_uring_queue_init_params(unsigned int entries, void *ring, void *parameters)
{
	int (*set_up)(unsigned int, void *, void *) = next("io_uring_queue_init_params");

	return set_up ? set_up(entries, ring, parameters) : -ENOSYS;
}

/* liburing 2.5 */
VISIBLE int io_uring_queue_init_mem(unsigned int entries, void *ring, void *parameters, void *memory,
				    size_t bytes)
{
	int (*set_up)(unsigned int, void *, void *, void *, size_t) =
		next("io_uring_queue_init_mem");

	return set_up ? set_up(entries, ring, parameters, memory, bytes) : -ENOSYS;
}

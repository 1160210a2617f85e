/*
 * victim: a performance counter
 * category: descriptors
 * refused: process \d+: descriptor \d+ \(anon_inode:\[perf_event\]\) cannot be captured: it is a perf event
 */
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>

#include "victim.h"

static int fd;

static void check(void)
{
	victim_check(fcntl(fd, F_GETFD) >= 0);
}

int main(void)
{
	struct perf_event_attr attributes = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attributes),
		.config = PERF_COUNT_SW_TASK_CLOCK,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};

	fd = syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0);
	if (fd < 0)
		victim_unavailable("perf_event_open: %s", strerror(errno));
	return victim_run(check);
}

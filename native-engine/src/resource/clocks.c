#include "clocks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../common/proc.h"
#include "records.h"

#define SECOND_NS 1000000000ll

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * SECOND_NS + now.tv_nsec;
}

/* The offsets of a time namespace, time_namespaces(7). A kernel without them has no such file. */
static void read_offsets(pid_t pid, int64_t *monotonic_ns, int64_t *boottime_ns)
{
	char *text, *line;
	long long seconds, ns;

	*monotonic_ns = *boottime_ns = 0;
	if (proc_read_text(pid, "timens_offsets", &text, NULL) < 0)
		return;
	line = strstr(text, "monotonic");
	if (line && sscanf(line, "monotonic %lld %lld", &seconds, &ns) == 2)
		*monotonic_ns = seconds * SECOND_NS + ns;
	line = strstr(text, "boottime");
	if (line && sscanf(line, "boottime %lld %lld", &seconds, &ns) == 2)
		*boottime_ns = seconds * SECOND_NS + ns;
	free(text);
}

static int capture(struct capture *c)
{
	struct clocks_record record;
	int64_t our_monotonic, our_boottime, monotonic, boottime;

	read_offsets(getpid(), &our_monotonic, &our_boottime);
	read_offsets(c->process->live_tid, &monotonic, &boottime);
	record.monotonic_ns = clock_ns(CLOCK_MONOTONIC) - our_monotonic + monotonic;
	record.boottime_ns = clock_ns(CLOCK_BOOTTIME) - our_boottime + boottime;
	record.realtime_ns = clock_ns(CLOCK_REALTIME);
	record_append(c->records, RECORD_CLOCKS, &record, sizeof(record), NULL, 0);
	return 0;
}

int clocks_write_offsets(struct image_reader *const *images, size_t count, const char *path,
			 struct fault *fault)
{
	struct clocks_record latest = { 0 };
	int64_t our_monotonic, our_boottime, monotonic, boottime;
	char text[160];
	size_t i;
	int fd, ret = 0;

	for (i = 0; i < count; i++) {
		const struct record *r = record_find(&images[i]->records, RECORD_CLOCKS, NULL);
		struct clocks_record record;

		if (!r)
			continue;
		record_head(r, &record, sizeof(record));
		if (record.monotonic_ns > latest.monotonic_ns)
			latest.monotonic_ns = record.monotonic_ns;
		if (record.boottime_ns > latest.boottime_ns)
			latest.boottime_ns = record.boottime_ns;
	}
	if (!latest.monotonic_ns)
		return 0;
	/* Offsets count from the clocks of the initial namespace; ours may be another. */
	read_offsets(getpid(), &our_monotonic, &our_boottime);
	monotonic = latest.monotonic_ns - (clock_ns(CLOCK_MONOTONIC) - our_monotonic);
	boottime = latest.boottime_ns - (clock_ns(CLOCK_BOOTTIME) - our_boottime);
	/* The nanoseconds are never negative: -0.5 s is "-1 500000000". */
	snprintf(text, sizeof(text), "monotonic %lld %lld\nboottime %lld %lld\n",
		 (long long)((monotonic - (monotonic < 0 ? SECOND_NS - 1 : 0)) / SECOND_NS),
		 (long long)((monotonic % SECOND_NS + SECOND_NS) % SECOND_NS),
		 (long long)((boottime - (boottime < 0 ? SECOND_NS - 1 : 0)) / SECOND_NS),
		 (long long)((boottime % SECOND_NS + SECOND_NS) % SECOND_NS));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		ret = fault_set(fault, errno, "namespaces-forbidden",
				"offsets of the clocks cannot be set: %s: %s", path,
				strerror(errno));
	if (fd >= 0)
		close(fd);
	return ret;
}

const struct resource resource_clocks = {
	.name = "clocks",
	.capture = capture,
};

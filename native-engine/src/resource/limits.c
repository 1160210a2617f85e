/* Resource limits, getrlimit(2). */
#include "limits.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "records.h"

struct limits_record { /* RECORD_LIMITS: by number of the resource; ~0 is no limit */
	uint32_t count;
	uint32_t reserved;
	uint64_t soft[RLIM_NLIMITS];
	uint64_t hard[RLIM_NLIMITS];
};

static int capture(struct capture *c)
{
	struct limits_record record = { .count = RLIM_NLIMITS };
	unsigned int i;

	for (i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit limit;

		if (prlimit(c->process->pid, i, NULL, &limit) < 0)
			return fault_set(c->fault, errno, "not-allowed-to-trace",
					 "limits of process %d: %s", c->process->pid,
					 strerror(errno));
		record.soft[i] = limit.rlim_cur;
		record.hard[i] = limit.rlim_max;
	}
	record_append(c->records, RECORD_LIMITS, &record, sizeof(record), NULL, 0);
	return 0;
}

static bool read_record(struct rebuilt_process *p, struct limits_record *record)
{
	const struct record *r = record_find(p->records, RECORD_LIMITS, NULL);

	if (r)
		record_head(r, record, sizeof(*record));
	if (r && record->count > RLIM_NLIMITS)
		record->count = RLIM_NLIMITS;
	return r;
}

/* Descriptors are made before the limits are set: let them have the numbers that they need. */
static int restore_inside(struct rebuilt_process *p)
{
	struct rlimit limit;

	(void)p;
	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	return 0;
}

/*
 * At the very end, because they bind what a restore needs (memory, descriptors, signals). A hard
 * limit that is lower here than there stays: raising it takes CAP_SYS_RESOURCE.
 */
static int restore_last(struct rebuilt_process *p)
{
	struct limits_record record;
	unsigned int i;

	if (!read_record(p, &record))
		return 0;
	for (i = 0; i < record.count; i++) {
		struct rlimit limit = { record.soft[i], record.hard[i] }, here;

		if (!prlimit(p->process->pid, i, &limit, NULL))
			continue;
		if (prlimit(p->process->pid, i, NULL, &here) < 0)
			return fault_set(p->fault, errno, "internal", "limits of process %d: %s",
					 p->process->virtual_pid, strerror(errno));
		if (limit.rlim_max > here.rlim_max)
			limit.rlim_max = here.rlim_max;
		if (limit.rlim_cur > limit.rlim_max)
			limit.rlim_cur = limit.rlim_max;
		if (prlimit(p->process->pid, i, &limit, NULL) < 0)
			return fault_set(p->fault, errno, "internal",
					 "limit %u of process %d: %s", i, p->process->virtual_pid,
					 strerror(errno));
	}
	return 0;
}

const struct resource resource_limits = {
	.name = "limits",
	.capture = capture,
	.restore_last = restore_last,
};

const struct resource resource_descriptor_limit = {
	.name = "descriptor limit",
	.restore_inside = restore_inside,
};

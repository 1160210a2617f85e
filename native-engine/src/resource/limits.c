/* Resource limits, getrlimit(2). */
#include "limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "../common/proc.h"
#include "records.h"

struct limits_record { /* RECORD_LIMITS: by number of the resource; ~0 is no limit */
	uint32_t count;
	uint32_t reserved;
	uint64_t soft[RLIM_NLIMITS];
	uint64_t hard[RLIM_NLIMITS];
};

/* "Max cpu time   unlimited   unlimited   seconds": the name has blanks in it, and 26 columns. */
#define NAME_COLUMNS 26

static uint64_t parse_limit(const char *text)
{
	return !strncmp(text, "unlimited", 9) ? RLIM64_INFINITY : strtoull(text, NULL, 10);
}

/* From /proc/PID/limits: prlimit(2) of another user's process takes CAP_SYS_RESOURCE. */
static int read_limits(pid_t pid, struct limits_record *record)
{
	char *text, *line;
	unsigned int i;
	int ret = proc_read_text(pid, "limits", &text, NULL);

	if (ret < 0)
		return ret;
	line = text;
	for (i = 0; i < RLIM_NLIMITS; i++) { /* in the order of their numbers, fs/proc/base.c */
		const char *soft, *hard;

		line = strchr(line, '\n');
		if (!line || strcspn(++line, "\n") <= NAME_COLUMNS)
			break;
		soft = line + NAME_COLUMNS;
		hard = soft + strcspn(soft, " \n");
		hard += strspn(hard, " ");
		record->soft[i] = parse_limit(soft);
		record->hard[i] = parse_limit(hard);
	}
	free(text);
	record->count = i;
	return i == RLIM_NLIMITS ? 0 : -EIO;
}

static int capture(struct capture *c)
{
	struct limits_record record = { 0 };
	int ret;

	if (c->process->zombie)
		return 0;
	ret = read_limits(c->process->live_tid, &record);
	if (ret < 0)
		return fault_set(c->fault, -ret, "internal", "limits of process %d: %s",
				 c->process->pid, strerror(-ret));
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

bool limits_is_lower(struct rebuilt_process *p, unsigned int resource, uint64_t *now)
{
	struct limits_record then, here = { 0 };

	if (!read_record(p, &then) || resource >= then.count ||
	    read_limits(p->process->pid, &here) < 0)
		return false;
	*now = here.soft[resource];
	return *now < then.soft[resource];
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

/* By the process itself, for the same reason. @limit NULL: asks; *@now is what it has then. */
static int own_limit(struct rebuilt_process *p, struct thread *t, unsigned int resource,
		     const struct rlimit64 *limit, struct rlimit64 *now)
{
	uint64_t scratch;
	long result;
	int ret = inject_scratch(t, &scratch, p->fault);

	if (!ret && limit)
		ret = process_write(t->process, scratch, limit, sizeof(*limit));
	if (!ret)
		ret = inject_syscall(t, &result, SYS_prlimit64, 0, resource, limit ? scratch : 0,
				     scratch + sizeof(*limit), 0, 0);
	if (!ret)
		ret = result;
	if (!ret && now)
		ret = process_read(t->process, scratch + sizeof(*limit), now, sizeof(*now));
	return ret;
}

/* A hard limit that is lower here than there stays: raising it takes CAP_SYS_RESOURCE. */
static int restore_limit(struct rebuilt_process *p, struct thread *t, unsigned int resource,
			 struct rlimit64 wanted)
{
	struct rlimit64 here;
	int ret = own_limit(p, t, resource, &wanted, NULL);

	if (ret != -EPERM)
		return ret;
	ret = own_limit(p, t, resource, NULL, &here);
	if (wanted.rlim_max > here.rlim_max)
		wanted.rlim_max = here.rlim_max;
	if (wanted.rlim_cur > wanted.rlim_max)
		wanted.rlim_cur = wanted.rlim_max;
	return ret ? ret : own_limit(p, t, resource, &wanted, NULL);
}

/* At the very end, because they bind what a restore needs: memory, descriptors, signals. */
static int restore_last(struct rebuilt_process *p)
{
	struct thread *t = process_live_thread(p->process);
	struct limits_record record;
	unsigned int i;
	int ret, end;

	if (!t || !read_record(p, &record))
		return 0;
	ret = inject_begin(t, p->fault);
	if (ret < 0)
		return ret;
	for (i = 0; i < record.count && !ret; i++) {
		struct rlimit64 wanted = { record.soft[i], record.hard[i] }, now;

		/* Most are what they were: ask from outside, which is cheap, where that is allowed. */
		if (prlimit64(p->process->pid, i, NULL, &now) < 0 ||
		    now.rlim_cur != wanted.rlim_cur || now.rlim_max != wanted.rlim_max)
			ret = restore_limit(p, t, i, wanted);
	}
	end = inject_end(t);
	if (!ret)
		ret = end;
	if (ret < 0)
		return fault_set(p->fault, -ret, "internal", "limits of process %d: %s",
				 p->process->virtual_pid, strerror(-ret));
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

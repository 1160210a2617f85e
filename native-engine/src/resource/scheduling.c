#include "scheduling.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define IOPRIO_WHO_PROCESS 1 /* linux/ioprio.h */

struct sched_attributes { /* struct sched_attr, linux/sched/types.h */
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns, deadline_ns, period_ns;
	uint32_t utilisation_min, utilisation_max;
};

static unsigned int count_cpus(const uint64_t *cpus)
{
	unsigned int count = 0, i;

	for (i = 0; i < SCHEDULING_CPU_WORDS; i++)
		count += __builtin_popcountll(cpus[i]);
	return count;
}

int scheduling_read(pid_t tid, int processors, struct scheduling *s)
{
	struct sched_attributes attributes = { .size = sizeof(attributes) };
	long io_priority;

	memset(s, 0, sizeof(*s));
	if (syscall(SYS_sched_getattr, tid, &attributes, sizeof(attributes), 0) < 0)
		return -errno;
	s->policy = attributes.policy;
	s->nice = attributes.nice;
	s->flags = attributes.flags;
	s->priority = attributes.priority;
	s->runtime_ns = attributes.runtime_ns;
	s->deadline_ns = attributes.deadline_ns;
	s->period_ns = attributes.period_ns;
	s->utilisation_min = attributes.utilisation_min;
	s->utilisation_max = attributes.utilisation_max;
	/* EINVAL: more than 1024 processors; then as if not bound. */
	if (syscall(SYS_sched_getaffinity, tid, sizeof(s->cpus), s->cpus) < 0 && errno != EINVAL)
		return -errno;
	s->all_cpus = !count_cpus(s->cpus) || (int)count_cpus(s->cpus) >= processors;
	io_priority = syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, tid);
	s->io_priority = io_priority < 0 ? 0 : io_priority;
	return 0;
}

void scheduling_apply(pid_t tid, const struct scheduling *wanted)
{
	struct scheduling now;
	uint64_t cpus[SCHEDULING_CPU_WORDS];
	unsigned int i;

	if (scheduling_read(tid, 1, &now) < 0) /* whether it is bound is not looked at */
		return;
	for (i = 0; i < SCHEDULING_CPU_WORDS; i++)
		cpus[i] = wanted->cpus[i] & now.cpus[i];
	if (!wanted->all_cpus && count_cpus(cpus))
		syscall(SYS_sched_setaffinity, tid, sizeof(cpus), cpus);
	if (wanted->policy != now.policy || wanted->nice != now.nice ||
	    wanted->flags != now.flags || wanted->priority != now.priority) {
		struct sched_attributes attributes = {
			.size = 48, /* without the utilisation clamps, which few kernels have */
			.policy = wanted->policy, .flags = wanted->flags, .nice = wanted->nice,
			.priority = wanted->priority, .runtime_ns = wanted->runtime_ns,
			.deadline_ns = wanted->deadline_ns, .period_ns = wanted->period_ns,
		};

		/* sched_setattr(2) leaves the nice value of this policy alone. */
		if (wanted->policy == SCHED_IDLE && wanted->nice != now.nice)
			setpriority(PRIO_PROCESS, tid, wanted->nice);
		syscall(SYS_sched_setattr, tid, &attributes, 0);
	}
	if (wanted->io_priority != now.io_priority)
		syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, tid, wanted->io_priority);
}

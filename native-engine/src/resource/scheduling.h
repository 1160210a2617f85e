/* Scheduling of one thread: policy, nice value, processors, input/output priority. */
#ifndef SCHEDULING_H
#define SCHEDULING_H

#include <stdint.h>
#include <sys/types.h>

#define SCHEDULING_CPU_WORDS 16

struct scheduling { /* part of RECORD_THREAD */
	uint32_t policy;
	int32_t nice;
	uint64_t flags;
	uint32_t priority;
	uint32_t utilisation_min, utilisation_max;
	uint32_t io_priority;
	uint64_t runtime_ns, deadline_ns, period_ns;
	uint32_t all_cpus; /* not bound to some of the processors */
	uint32_t reserved;
	uint64_t cpus[SCHEDULING_CPU_WORDS];
};

/* @processors: get_nprocs(3), which reads a file: asked once for all threads. -errno. */
int scheduling_read(pid_t tid, int processors, struct scheduling *s);
/*
 * What this user may not have (a better priority than the restart command's, a processor that does
 * not exist) stays as it is: it changes when the program runs, not what it computes.
 */
void scheduling_apply(pid_t tid, const struct scheduling *s);

#endif

/* Where memory is to lie: policies of threads (set_mempolicy) and of mappings (mbind). */
#ifndef NUMA_H
#define NUMA_H

#include "memory.h"
#include "resource.h"

/* The record of a thread that has one; between inject_begin() and inject_end(). */
int numa_capture_thread(struct capture *c, struct thread *t);
/* Those of the mappings of @m. */
int numa_capture_ranges(struct capture *c, const struct live_memory *m);
/* In a new process whose mappings stand and are empty; 2 KiB at @scratch are free. */
int numa_restore_ranges(struct rebuilt_process *p, struct thread *t, uint64_t scratch);

extern const struct resource resource_memory_policy; /* of threads, after they are made */

#endif

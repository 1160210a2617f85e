/* One address space that is being rebuilt: internal to memory_restore.c and memory_finish.c. */
#ifndef MEMORY_REBUILD_H
#define MEMORY_REBUILD_H

#include "memory_inherit.h"

struct restoring {
	struct rebuilt_process *p;
	struct thread *thread;
	struct memory_table table;
	struct kept kept;
	struct batch batch;
	bool forced; /* the kernel lets a tracer write protected pages */
	struct batch_call *calls;
	size_t count, capacity;
};

/* Notes a system call for the process. */
int memory_add_call(struct restoring *r, uint64_t number, uint64_t a1, uint64_t a2, uint64_t a3,
		    uint64_t a4, uint64_t a5, uint64_t a6);
/* Executes those noted, whatever they return. */
int memory_run_calls(struct restoring *r);
/* Where the kernel does not force writes through: mapped writable, protected when it is filled. */
bool memory_protect_later(const struct restoring *r, const struct vma_record *v);

/* memory_finish.c: guards, protections, keys, bounds, locks, seals. */
int memory_finish(struct restoring *r);

#endif

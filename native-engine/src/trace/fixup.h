/* What must be put right in a thread's registers when it has been stopped in passing. */
#ifndef TRACE_FIXUP_H
#define TRACE_FIXUP_H

#include "process.h"

/* Reads registers, mask and rseq of a stopped thread and repairs what the stop has disturbed. */
int thread_settle(struct thread *t, struct fault *fault);

/*
 * A thread must not be captured inside the vDSO: its code may lie elsewhere or look different after
 * a restart (engine-facts 9.8). Steps it out, with all signals blocked.
 */
int thread_leave_vdso(struct thread *t, uint64_t vdso_start, uint64_t vdso_end,
		      uint64_t deadline_ns, struct fault *fault);

#endif

/* A burst of injected calls survives the death of its tracer. */
#ifndef TRACE_GUARD_H
#define TRACE_GUARD_H

#include "process.h"

/* Takes a place for the burst of @t and points its registers there. False: none is free. */
bool guard_enter(struct thread *t);
void guard_leave(struct thread *t);
/* Unmaps it, before the thaw. */
void guard_close(struct process *p);

#endif

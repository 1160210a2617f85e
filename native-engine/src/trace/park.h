/* Threads that do not run on when their tracer dies, before somebody else allows it. */
#ifndef TRACE_PARK_H
#define TRACE_PARK_H

#include "process.h"

/* Back to its place, after a burst. 0 or -errno. */
int thread_park(struct thread *t);

#endif

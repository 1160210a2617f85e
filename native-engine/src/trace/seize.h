/* PTRACE_SEIZE of a thread whose process may be executing a program just now. */
#ifndef TRACE_SEIZE_H
#define TRACE_SEIZE_H

#include "stop.h"

/* 0 or errno; ETIMEDOUT at the deadline of @f. */
int seize_guarded(const struct freezing *f, pid_t tid);

#endif

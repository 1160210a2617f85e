/* Waiting for traced threads, never without a limit. */
#ifndef TRACE_WAIT_H
#define TRACE_WAIT_H

#include <stdint.h>
#include <sys/types.h>

#include "../common/monotonic.h"
#include "process.h"

/*
 * Waits until traced thread @tid changes state. 0 with *@status as of waitpid(2); -ETIMEDOUT at
 * @deadline_ns (CLOCK_MONOTONIC); -ECHILD: it is gone, or not traced by the calling thread.
 */
int wait_for_change(pid_t tid, uint64_t deadline_ns, int *status);

/* True for the stop that PTRACE_INTERRUPT, a group stop or the birth of a traced thread makes. */
bool is_event_stop(int status);
/* The signal of a group stop in an event stop's @status, or 0. */
int group_stop_signal(int status);

#endif

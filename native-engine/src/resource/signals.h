/* Signal handlers and pending signals. */
#ifndef SIGNALS_H
#define SIGNALS_H

#include "resource.h"

/*
 * Appends a RECORD_PENDING_SIGNAL for each signal that waits, and takes none. timers.c calls it:
 * timers go on and raise signals while a process stands still, so both are read together.
 */
int signals_peek_pending(struct process *p, struct buffer *records);

extern const struct resource resource_signals;

#endif

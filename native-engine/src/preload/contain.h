/* Running a hook in the helper thread so that its failure is not the program's. */
#ifndef CONTAIN_H
#define CONTAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "dmtcp.h"

/*
 * false: the hook did not return, also not within @limit_ms; @why says what it did. The limit comes by
 * the signal of --ckpt-signal, which is the program's at all other times.
 */
bool contain_run(void (*hook)(const DmtcpEvent_t, DmtcpEventData_t *), DmtcpEvent_t event,
		 unsigned int limit_ms, char *why, size_t bytes);

/* Whether this thread is in a hook that contain_run() has called. */
bool contain_is_here(void);
/* Then: ends the hook. */
void contain_leave(const char *why) __attribute__((noreturn));

#endif

/* Running a hook in the helper thread so that its failure is not the program's. */
#ifndef CONTAIN_H
#define CONTAIN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "dmtcp.h"

/*
 * false: the hook did not return, also not within @limit_ms; @why says what it did. The limit comes by
 * the signal of --ckpt-signal, which is the program's at all other times.
 */
bool contain_run(void (*hook)(const DmtcpEvent_t, DmtcpEventData_t *), DmtcpEvent_t event,
		 unsigned int limit_ms, char *why, size_t bytes);

/* The same for any work of plugins. */
bool contain_call(void (*work)(void *), void *argument, unsigned int limit_ms, char *why,
		  size_t bytes);

/*
 * The program's view of signal @number while a hook runs, of those that contain_run() uses: as
 * sigaction(2). false: it is none of them, or no hook runs.
 */
bool contain_view(int number, const struct sigaction *now, struct sigaction *before);
/* In a forked child, where no hook runs: the kernel has what the program has set. */
void contain_after_fork(void);
/* The signal that must not be blocked in this thread; 0: none. */
int contain_needs(void);

/* Whether this thread is in a hook that contain_run() has called. */
bool contain_is_here(void);
/* Whether this thread is a copy of one that is in a hook: in a forked child, before it is told so. */
bool contain_is_running(void);
/* Then: ends the hook. */
void contain_leave(const char *why) __attribute__((noreturn));

#endif

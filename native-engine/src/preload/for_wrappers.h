/* What libdmtcp.so gives to libdmtcp_plugin.so; not for anybody else. */
#ifndef FOR_WRAPPERS_H
#define FOR_WRAPPERS_H

#include <signal.h>
#include <stdbool.h>

#include "dmtcp.h"

#pragma GCC visibility push(default)
/* Raises an event in all plugins, in the calling thread. */
void dmtcp_internal_raise(DmtcpEvent_t event, DmtcpEventData_t *data);
bool dmtcp_internal_has_plugins(void);
/* Forks by @next, the fork(2) behind the wrapper, and raises the events around it. */
pid_t dmtcp_internal_fork(pid_t (*next)(void));
/* Whether the calling thread is in a hook whose failure is contained; then: ends the hook. */
bool dmtcp_internal_in_hook(void);
void dmtcp_internal_leave_hook(const char *why) __attribute__((noreturn));
/* As contain_view() and contain_needs(). */
bool dmtcp_internal_signal_view(int number, const struct sigaction *now, struct sigaction *before);
int dmtcp_internal_needed_signal(void);
/* The lowest descriptor of ours from @from on, -1: none. */
int dmtcp_internal_next_protected(int from);
/*
 * @path as the program names it, or where that is: then in @out (PATH_MAX bytes). And the other way
 * round, in place.
 */
const char *dmtcp_internal_real_path(const char *path, char *out);
void dmtcp_internal_virtual_path(char *path);
/* Whether these do anything. */
bool dmtcp_internal_translates(void);
#pragma GCC visibility pop

#endif

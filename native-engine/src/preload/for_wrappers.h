/* What libdmtcp.so gives to libdmtcp_plugin.so; not for anybody else. */
#ifndef FOR_WRAPPERS_H
#define FOR_WRAPPERS_H

#include <stdbool.h>

#include "dmtcp.h"

#pragma GCC visibility push(default)
/* Raises an event in all plugins, in the calling thread. */
void dmtcp_internal_raise(DmtcpEvent_t event, DmtcpEventData_t *data);
/* Whether the calling thread is in a hook whose failure is contained; then: ends the hook. */
bool dmtcp_internal_in_hook(void);
void dmtcp_internal_leave_hook(const char *why) __attribute__((noreturn));
#pragma GCC visibility pop

#endif

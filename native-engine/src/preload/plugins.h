/* The plugins of this process, and raising events in them. */
#ifndef PLUGINS_H
#define PLUGINS_H

#include <stdbool.h>
#include <stddef.h>

#include "dmtcp.h"

size_t plugins_count(void);

/* In every plugin, in the order of the event. In the thread that calls. */
void plugins_raise(DmtcpEvent_t event, DmtcpEventData_t *data);

/*
 * The same in the helper thread, where a hook that crashes, aborts or wants to end the program only ends
 * itself. The other plugins' hooks run nevertheless. false: @failure names the first.
 */
bool plugins_raise_contained(DmtcpEvent_t event, unsigned int limit_ms, char *failure, size_t bytes);

const char *event_name(DmtcpEvent_t event);

#endif

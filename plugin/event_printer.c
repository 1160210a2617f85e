/* Prints every event that it hears of, with the name of the process: the first plugin to look at. */
#include <stdio.h>

#include "dmtcp.h"

static const char *const names[] = {
	"INIT", "EXIT", "PRE_EXEC", "POST_EXEC", "ATFORK_PREPARE", "ATFORK_PARENT",
	"ATFORK_CHILD", "ATFORK_FAILED", "VFORK_PREPARE", "VFORK_PARENT", "VFORK_CHILD",
	"VFORK_FAILED", "PTHREAD_START", "PTHREAD_EXIT", "PTHREAD_RETURN", "PRESUSPEND",
	"PRECHECKPOINT", "RESUME", "RESTART", "RUNNING", "THREAD_RESUME", "OPEN_FD", "REOPEN_FD",
	"CLOSE_FD", "DUP_FD", "VIRTUAL_TO_REAL_PATH", "REAL_TO_VIRTUAL_PATH",
};

static void on_event(const DmtcpEvent_t event, DmtcpEventData_t *data)
{
	(void)data;
	if (event == DMTCP_EVENT_VIRTUAL_TO_REAL_PATH || event == DMTCP_EVENT_REAL_TO_VIRTUAL_PATH)
		return; /* one for every path */
	dprintf(STDERR_FILENO, "event %s\n", names[event]);
}

static DmtcpPluginDescriptor_t event_printer = {
	DMTCP_PLUGIN_API_VERSION, DMTCP_PACKAGE_VERSION, "event-printer", "dmtcp-akka", "",
	"prints events", on_event,
};

DMTCP_DECL_PLUGIN(event_printer)

/* Tells of every thread that goes on after a restart, in that thread, and uses its registers. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dmtcp.h"

static void on_event(const DmtcpEvent_t event, DmtcpEventData_t *data)
{
	volatile double sum[64];
	char room[16384]; /* more than a small stack has */

	if (event == DMTCP_EVENT_RESTART)
		dprintf(STDERR_FILENO, "restart in %d\n", gettid());
	if (event != DMTCP_EVENT_THREAD_RESUME)
		return;
	for (int i = 0; i < 64; i++)
		sum[i] = i * 0.25;
	memset(room, (int)sum[60], sizeof(room));
	DMTCP_PLUGIN_DISABLE_CKPT(); /* nothing to wait for */
	DMTCP_PLUGIN_ENABLE_CKPT();
	dprintf(STDERR_FILENO, "resume in %d of %d%s\n", gettid(), getpid(),
		data || !room[0] ? " wrong" : "");
}

static DmtcpPluginDescriptor_t thread_printer = {
	DMTCP_PLUGIN_API_VERSION, DMTCP_PACKAGE_VERSION, "thread-printer", "dmtcp-akka", "",
	"tells of threads that go on", on_event,
};

DMTCP_DECL_PLUGIN(thread_printer)

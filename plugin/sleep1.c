/* A wrapper around sleep(3). Given before sleep2 it is the outer one. */
#include <stdio.h>
#include <unistd.h>

#include "dmtcp.h"

unsigned int sleep(unsigned int seconds)
{
	unsigned int left;

	dprintf(STDERR_FILENO, "sleep1 begins\n");
	left = NEXT_FNC(sleep)(seconds);
	dprintf(STDERR_FILENO, "sleep1 ends\n");
	return left;
}

static void on_event(const DmtcpEvent_t event, DmtcpEventData_t *data)
{
	(void)data;
	if (event == DMTCP_EVENT_PRECHECKPOINT)
		dprintf(STDERR_FILENO, "sleep1 sees the checkpoint\n");
}

static DmtcpPluginDescriptor_t sleep1 = {
	DMTCP_PLUGIN_API_VERSION, DMTCP_PACKAGE_VERSION, "sleep1", "dmtcp-akka", "",
	"the outer wrapper of two", on_event,
};

DMTCP_DECL_PLUGIN(sleep1)

/* A wrapper around sleep(3). Given behind sleep1 it is the inner one. */
#include <stdio.h>
#include <unistd.h>

#include "dmtcp.h"

unsigned int sleep(unsigned int seconds)
{
	unsigned int left;

	dprintf(STDERR_FILENO, "sleep2 begins\n");
	left = NEXT_FNC(sleep)(seconds);
	dprintf(STDERR_FILENO, "sleep2 ends\n");
	return left;
}

static void on_event(const DmtcpEvent_t event, DmtcpEventData_t *data)
{
	(void)data;
	if (event == DMTCP_EVENT_PRECHECKPOINT)
		dprintf(STDERR_FILENO, "sleep2 sees the checkpoint\n");
}

static DmtcpPluginDescriptor_t sleep2 = {
	DMTCP_PLUGIN_API_VERSION, DMTCP_PACKAGE_VERSION, "sleep2", "dmtcp-akka", "",
	"the inner wrapper of two", on_event,
};

DMTCP_DECL_PLUGIN(sleep2)

/*
 * Gives the program, after a restart, the value that EXAMPLE_SERVER has where dmtcp_restart is called: a
 * server that has moved meanwhile.
 */
#include <stdlib.h>

#include "dmtcp.h"

#define VARIABLE "EXAMPLE_SERVER"

static void on_event(const DmtcpEvent_t event, DmtcpEventData_t *data)
{
	static char value[256];

	(void)data;
	if (event == DMTCP_EVENT_RESTART &&
	    dmtcp_get_restart_env(VARIABLE, value, sizeof(value)) == RESTART_ENV_SUCCESS)
		setenv(VARIABLE, value, 1);
}

static DmtcpPluginDescriptor_t restart_environment = {
	DMTCP_PLUGIN_API_VERSION, DMTCP_PACKAGE_VERSION, "restart-environment", "dmtcp-akka", "",
	"takes a variable from the restart", on_event,
};

DMTCP_DECL_PLUGIN(restart_environment)

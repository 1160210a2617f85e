/* A plugin whose hook lets an exception out when the variable FAULT is "throw". */
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "dmtcp.h"

static void on_event(const DmtcpEvent_t event, DmtcpEventData_t *)
{
	const char *fault = std::getenv("FAULT");

	if (event == DMTCP_EVENT_PRECHECKPOINT && fault && std::string(fault) == "throw")
		throw std::runtime_error("nobody catches this");
}

static DmtcpPluginDescriptor_t throwing = {
	DMTCP_PLUGIN_API_VERSION, DMTCP_PACKAGE_VERSION, "throwing", "dmtcp-akka", "", "throws", on_event,
};

DMTCP_DECL_PLUGIN(throwing)

/*
 * Path translation by events: the program knows its files below EXAMPLE_OLD, they are below EXAMPLE_NEW.
 * Both variables are looked at again after a restart.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dmtcp.h"

static char old_prefix[PATH_MAX], new_prefix[PATH_MAX];

static void replace(char *path, const char *from, const char *to)
{
	char rest[PATH_MAX];
	size_t bytes = strlen(from);

	if (!bytes || strncmp(path, from, bytes) || (path[bytes] && path[bytes] != '/'))
		return;
	strcpy(rest, path + bytes);
	if (strlen(to) + strlen(rest) < PATH_MAX)
		strcat(strcpy(path, to), rest);
}

static void on_event(const DmtcpEvent_t event, DmtcpEventData_t *data)
{
	if (event == DMTCP_EVENT_INIT && getenv("EXAMPLE_OLD") && getenv("EXAMPLE_NEW")) {
		snprintf(old_prefix, sizeof(old_prefix), "%s", getenv("EXAMPLE_OLD"));
		snprintf(new_prefix, sizeof(new_prefix), "%s", getenv("EXAMPLE_NEW"));
	} else if (event == DMTCP_EVENT_RESTART) {
		dmtcp_get_restart_env("EXAMPLE_NEW", new_prefix, sizeof(new_prefix));
	} else if (event == DMTCP_EVENT_VIRTUAL_TO_REAL_PATH) {
		replace(data->virtualToRealPath.path, old_prefix, new_prefix);
	} else if (event == DMTCP_EVENT_REAL_TO_VIRTUAL_PATH) {
		replace(data->realToVirtualPath.path, new_prefix, old_prefix);
	}
}

static DmtcpPluginDescriptor_t path_event = {
	DMTCP_PLUGIN_API_VERSION, DMTCP_PACKAGE_VERSION, "path-event", "dmtcp-akka", "",
	"translates names of files", on_event,
};

DMTCP_DECL_PLUGIN(path_event)

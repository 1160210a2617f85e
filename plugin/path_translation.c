/*
 * Files that have moved when the program is restarted: paths below EXAMPLE_OLD are taken from below
 * EXAMPLE_NEW, as they are set where dmtcp_restart is called.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "dmtcp.h"

static char old_prefix[PATH_MAX], new_prefix[PATH_MAX];

static const char *translated(const char *path, char *room, size_t bytes)
{
	size_t length = strlen(old_prefix);

	if (!length || strncmp(path, old_prefix, length))
		return path;
	snprintf(room, bytes, "%s%s", new_prefix, path + length);
	return room;
}

int open(const char *path, int flags, ...)
{
	char room[2 * PATH_MAX];
	mode_t mode = 0;

	if (flags & (O_CREAT | O_TMPFILE)) {
		va_list arguments;

		va_start(arguments, flags);
		mode = va_arg(arguments, mode_t);
		va_end(arguments);
	}
	return NEXT_FNC(open)(translated(path, room, sizeof(room)), flags, mode);
}

static void on_event(const DmtcpEvent_t event, DmtcpEventData_t *data)
{
	(void)data;
	if (event != DMTCP_EVENT_RESTART)
		return;
	if (dmtcp_get_restart_env("EXAMPLE_OLD", old_prefix, sizeof(old_prefix)) ||
	    dmtcp_get_restart_env("EXAMPLE_NEW", new_prefix, sizeof(new_prefix)))
		old_prefix[0] = 0;
}

static DmtcpPluginDescriptor_t path_translation = {
	DMTCP_PLUGIN_API_VERSION, DMTCP_PACKAGE_VERSION, "path-translation", "dmtcp-akka", "",
	"finds files that have moved", on_event,
};

DMTCP_DECL_PLUGIN(path_translation)

#include "pathvirt.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/path_mapping.h"
#include "area.h"
#include "per_thread.h"
#include "plugins.h"
#include "restart_environment.h"

#define SWITCH "DMTCP_PATHVIRT_PLUGIN" /* set by dmtcp_launch */

static bool wanted;

bool pathvirt_wanted(void)
{
	return wanted;
}

static void take(const char *mapping)
{
	char *own = plugin_area.choices.path_mapping;

	if (mapping && strlen(mapping) < PLUGIN_MAPPING_BYTES)
		strcpy(own, mapping);
	else if (mapping)
		fprintf(stderr, "dmtcp: " PATH_MAPPING_VARIABLE " is too long: it stays as it was\n");
}

void pathvirt_begin(void)
{
	const char *on = getenv(SWITCH);

	wanted = on && !strcmp(on, "1");
	if (wanted)
		take(getenv(PATH_MAPPING_VARIABLE));
}

/* Without one in the environment of the restart, all is where it was. */
void pathvirt_restarted(void)
{
	const char *now = restart_environment(PATH_MAPPING_VARIABLE);

	if (wanted && now && *now)
		take(now);
}

bool pathvirt_active(void)
{
	return plugin_area.choices.path_mapping[0] || plugins_count();
}

/* A hook that opens a file names it as it is. */
static void tell_plugins(DmtcpEvent_t event, DmtcpEventData_t *data)
{
	struct per_thread here = per_thread_get();

	if (!plugins_count())
		return;
	here.translating = true;
	if (!per_thread_set(here))
		return;
	plugins_raise(event, data);
	here = per_thread_get();
	here.translating = false;
	per_thread_set(here);
}

/* Plugins first, ours last, as they are registered; back the other way round. */
const char *pathvirt_real(const char *path, char *out)
{
	DmtcpEventData_t data = { .virtualToRealPath = { out } };
	int error = errno;

	if (!path || !*path || !pathvirt_active() || per_thread_get().translating ||
	    strlen(path) >= PATH_MAX)
		return path;
	strcpy(out, path);
	tell_plugins(DMTCP_EVENT_VIRTUAL_TO_REAL_PATH, &data);
	path_mapping_apply(plugin_area.choices.path_mapping, false, out);
	errno = error;
	return out;
}

void pathvirt_virtual(char *path)
{
	DmtcpEventData_t data = { .realToVirtualPath = { path } };
	int error = errno;

	if (!path || !*path || !pathvirt_active() || per_thread_get().translating)
		return;
	path_mapping_apply(plugin_area.choices.path_mapping, true, path);
	tell_plugins(DMTCP_EVENT_REAL_TO_VIRTUAL_PATH, &data);
	errno = error;
}

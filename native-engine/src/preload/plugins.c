#include "plugins.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contain.h"

#define MOST_PLUGINS 64

static DmtcpPluginDescriptor_t plugins[MOST_PLUGINS];
static size_t count;

static const char *const names[nDmtcpEvents] = {
	"INIT", "EXIT", "PRE_EXEC", "POST_EXEC", "ATFORK_PREPARE", "ATFORK_PARENT",
	"ATFORK_CHILD", "ATFORK_FAILED", "VFORK_PREPARE", "VFORK_PARENT", "VFORK_CHILD",
	"VFORK_FAILED", "PTHREAD_START", "PTHREAD_EXIT", "PTHREAD_RETURN", "PRESUSPEND",
	"PRECHECKPOINT", "RESUME", "RESTART", "RUNNING", "THREAD_RESUME", "OPEN_FD", "REOPEN_FD",
	"CLOSE_FD", "DUP_FD", "VIRTUAL_TO_REAL_PATH", "REAL_TO_VIRTUAL_PATH",
};

const char *event_name(DmtcpEvent_t event)
{
	return event < nDmtcpEvents ? names[event] : "?";
}

size_t plugins_count(void)
{
	return count;
}

/* The program was to run with this plugin: without it it might do harm. */
static void __attribute__((noreturn)) refuse(const DmtcpPluginDescriptor_t *d, const char *why)
{
	fprintf(stderr, "dmtcp: plugin %s: %s\n", d->pluginName ? d->pluginName : "?", why);
	_exit(DMTCP_FAIL_RC);
}

void dmtcp_register_plugin(DmtcpPluginDescriptor_t d)
{
	if (!d.pluginApiVersion || strcmp(d.pluginApiVersion, DMTCP_PLUGIN_API_VERSION))
		refuse(&d, "it was made for another version of the plugin interface");
	if (count == MOST_PLUGINS)
		refuse(&d, "there are too many plugins");
	if (!d.pluginName)
		d.pluginName = "?";
	plugins[count++] = d;
}

/* The last of the chain that DMTCP_DECL_PLUGIN makes. */
void dmtcp_initialize_plugin(void)
{
}

/* What undoes goes the other way round than what does. */
static bool is_reverse(DmtcpEvent_t event)
{
	switch (event) {
	case DMTCP_EVENT_EXIT:
	case DMTCP_EVENT_ATFORK_PARENT:
	case DMTCP_EVENT_ATFORK_CHILD:
	case DMTCP_EVENT_ATFORK_FAILED:
	case DMTCP_EVENT_VFORK_PARENT:
	case DMTCP_EVENT_VFORK_CHILD:
	case DMTCP_EVENT_VFORK_FAILED:
	case DMTCP_EVENT_PTHREAD_EXIT:
	case DMTCP_EVENT_PTHREAD_RETURN:
	case DMTCP_EVENT_RESUME:
	case DMTCP_EVENT_RESTART:
	case DMTCP_EVENT_THREAD_RESUME:
	case DMTCP_EVENT_REAL_TO_VIRTUAL_PATH:
		return true;
	default:
		return false;
	}
}

static const DmtcpPluginDescriptor_t *nth(DmtcpEvent_t event, size_t i)
{
	return &plugins[is_reverse(event) ? count - 1 - i : i];
}

void plugins_raise(DmtcpEvent_t event, DmtcpEventData_t *data)
{
	for (size_t i = 0; i < count; i++)
		if (nth(event, i)->event_hook)
			nth(event, i)->event_hook(event, data);
}

bool plugins_raise_contained(DmtcpEvent_t event, unsigned int limit_ms, char *failure, size_t bytes)
{
	bool fine = true;

	for (size_t i = 0; i < count; i++) {
		const DmtcpPluginDescriptor_t *d = nth(event, i);
		char why[128] = "";

		if (!d->event_hook || contain_run(d->event_hook, event, limit_ms, why, sizeof(why)))
			continue;
		if (fine)
			snprintf(failure, bytes, "plugin %s, event %s: %s", d->pluginName,
				 event_name(event), why);
		fine = false;
	}
	return fine;
}

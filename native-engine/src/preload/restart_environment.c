#include "restart_environment.h"

#include <stdlib.h>
#include <string.h>

#include "dmtcp.h"

static const struct plugin_area *of_restart;

void restart_environment_take(const struct plugin_area *area)
{
	of_restart = area;
}

const char *restart_environment(const char *name)
{
	size_t length = strlen(name);
	const char *e;

	if (!of_restart || !length)
		return NULL;
	for (e = of_restart->environment;
	     e < of_restart->environment + of_restart->environment_bytes; e += strlen(e) + 1)
		if (!strncmp(e, name, length) && e[length] == '=')
			return e + length + 1;
	return NULL;
}

DmtcpGetRestartEnvErr_t dmtcp_get_restart_env(const char *name, char *value, size_t max)
{
	const char *found;

	if (!name || !value)
		return RESTART_ENV_NULL_PTR;
	found = restart_environment(name);
	if (!found)
		return RESTART_ENV_NOTFOUND;
	if (strlen(found) >= max)
		return RESTART_ENV_TOOLONG;
	strcpy(value, found);
	return RESTART_ENV_SUCCESS;
}

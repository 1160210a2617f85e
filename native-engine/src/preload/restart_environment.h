/* The environment in which dmtcp_restart was called, and what of it the program gets. */
#ifndef RESTART_ENVIRONMENT_H
#define RESTART_ENVIRONMENT_H

#include "../common/plugin_area.h"

/* After a restart, before the program runs: what the builder has left in @area is valid. */
void restart_environment_take(const struct plugin_area *area);
/* NULL: it was not set there, or there was no restart. */
const char *restart_environment(const char *name);

#endif

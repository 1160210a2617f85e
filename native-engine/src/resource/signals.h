/* Signal handlers and pending signals. */
#ifndef SIGNALS_H
#define SIGNALS_H

#include "resource.h"

extern const struct resource resource_signals;

#endif

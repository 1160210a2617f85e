/* The one struct plugin_area of this process. */
#ifndef AREA_H
#define AREA_H

#include "../common/plugin_area.h"

extern struct plugin_area plugin_area;

#endif

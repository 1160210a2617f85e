/* Memory that a plugin does not want to be saved: dmtcp_skip_memory_region_ckpting(). */
#ifndef SKIP_H
#define SKIP_H

#include "../common/plugin_area.h"

/* Asks for every mapping and leaves the answers in @area, where the engine finds them. */
void skip_find(struct plugin_area *area);

#endif

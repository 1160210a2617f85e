#ifndef LIMITS_H
#define LIMITS_H

#include "resource.h"

/* Before the descriptors of a new process. */
extern const struct resource resource_descriptor_limit;
/* After everything that needs memory, descriptors or signals. */
extern const struct resource resource_limits;

#endif

#ifndef LIMITS_H
#define LIMITS_H

#include "resource.h"

/* Before the descriptors of a new process. */
extern const struct resource resource_descriptor_limit;
/* After everything that needs memory, descriptors or signals. */
extern const struct resource resource_limits;

/* Is the soft limit of @p, when all limits are set, below that of its image? *@now: what it is. */
bool limits_is_lower(struct rebuilt_process *p, unsigned int resource, uint64_t *now);

#endif

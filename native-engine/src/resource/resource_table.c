/* All kinds of process state, in the order in which they are captured and restored. */
#include "resource.h"

extern const struct resource process_resource;
extern const struct resource memory_resource;
extern const struct resource descriptors_resource;

const struct resource *const resource_table[] = {
	&process_resource,
	&memory_resource,
	&descriptors_resource,
	NULL,
};

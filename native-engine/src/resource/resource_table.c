/* All kinds of process state, in the order in which they are captured and restored. */
#include "resource.h"

const struct resource *const resource_table[] = {
	NULL,
};

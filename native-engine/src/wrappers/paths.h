/* Names of files on their way to the C library. */
#ifndef PATHS_H
#define PATHS_H

#include <alloca.h>
#include <limits.h>

#include "../preload/for_wrappers.h"

/* @path as it really is, on the caller's stack; without a mapping nothing is needed there. */
#define REAL_PATH(path)                                                                     \
	(dmtcp_internal_translates() ? dmtcp_internal_real_path(path, alloca(PATH_MAX)) : (path))

#endif

/*
 * DMTCP_PATH_MAPPING: "old:new;old2:new2". A program sees the names on the left; the files are where
 * the names on the right say. Also part of libdmtcp.so: no heap, no lock.
 */
#ifndef PATH_MAPPING_H
#define PATH_MAPPING_H

#include <limits.h>
#include <stdbool.h>

#define PATH_MAPPING_VARIABLE "DMTCP_PATH_MAPPING"

/*
 * Changes @path (PATH_MAX bytes) as the first pair says that names it or a directory above it.
 * @back: from right to left. false: it stays as it is, also where the new one would be too long.
 */
__attribute__((visibility("hidden"))) bool path_mapping_apply(const char *mapping, bool back,
							      char *path);

#endif

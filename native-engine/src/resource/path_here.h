/* Where the files of a process are now: DMTCP_PATH_MAPPING in the environment of dmtcp_restart. */
#ifndef PATH_HERE_H
#define PATH_HERE_H

#include "resource.h"

/*
 * Changes @path (PATH_MAX bytes), as it was at the checkpoint, into where it is on this host: back through
 * the mapping that the program had then, and through that of now. Without one of now it stays.
 */
void path_here(const struct image_reader *image, char *path);

extern const struct resource path_mapping_resource;

#endif

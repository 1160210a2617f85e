/* A path to an inode of which only the numbers are known. */
#ifndef PATH_SEARCH_H
#define PATH_SEARCH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct wanted_inode {
	uint64_t device, inode; /* as stat(2) says them */
	const uint8_t *handle;  /* of name_to_handle_at(2); NULL: not known */
	uint32_t handle_bytes;
	int32_t handle_type;
};

/*
 * Looks where process @pid is likely to have found it: what it has open, where it stands, what its
 * arguments name, and around these, within a limit. -ENOENT: not found.
 */
int path_search(pid_t pid, const struct wanted_inode *wanted, char *path, size_t capacity);

#endif

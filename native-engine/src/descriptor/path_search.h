/* Paths to inodes of which only the numbers are known. */
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
	char *path; /* what has been found, the caller's to free; NULL: nothing */
};

/*
 * Looks where process @pid is likely to have found them, for at most @timeout_ms: what it has open,
 * where it stands, what its arguments name, its home, and then everywhere on their file systems,
 * from the top down. Fills in the paths of @wanted that are NULL. What it has found once it
 * remembers, so that a frozen program need not wait for a second search. For the thread that does
 * ptrace.
 */
void path_search(pid_t pid, struct wanted_inode *wanted, size_t count, uint32_t timeout_ms);

#endif

/* Where content comes from, and how a chunk of it is read. */
#ifndef SOURCE_H
#define SOURCE_H

#include "image.h"

#define SOURCE_MAX_PIECES 1024 /* iovecs of one process_vm_readv */

enum source_kind { SOURCE_PROCESS, SOURCE_FD, SOURCE_BYTES };

struct piece {
	enum source_kind kind;
	bool skip_unreadable;
	pid_t pid;
	int fd; /* SOURCE_PROCESS: /proc/PID/mem, or -1 */
	uint8_t *copy; /* SOURCE_BYTES: owned */
	uint64_t object, offset;
	uint64_t bytes;
	uint64_t source_offset; /* address or file offset to read from */
};

/*
 * Reads @count pieces one behind the other into @raw (sum of their bytes), drops pages that are zero or
 * may be skipped, moves the rest together, and describes it in @runs (grown as needed, count in
 * *@run_count; chunk numbers are left 0). Returns the bytes that are left, or -errno with a fault.
 */
struct run_list {
	struct image_run *runs;
	size_t count, capacity;
};

int64_t source_read(const struct piece *pieces, size_t count, uint8_t *raw, struct run_list *runs,
		    struct fault *fault);

#endif

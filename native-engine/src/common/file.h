/* Files that must be complete and durable, and the two ways in which they fail. */
#ifndef FILE_H
#define FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "fault.h"

/* Creates @path for reading and writing, 0600, O_EXCL; an older file of that name is removed. */
int file_create(const char *path, struct fault *fault);
/* All of @bytes or -errno (-EIO when the kernel takes nothing). */
int file_write_at(int fd, const void *data, size_t bytes, uint64_t offset);
/* One write of @text to a file that is there, as those of /proc want it. -errno. */
int file_put_text(const char *path, const char *text);
/* All of @bytes; -ENODATA when the file ends before. */
int file_read_at(int fd, void *data, size_t bytes, uint64_t offset);
/* Makes the name of @path durable. A file system that cannot do it (EINVAL) is no failure. */
int file_sync_directory_of(const char *path);
/* Fault disk-full (ENOSPC, EDQUOT) or image-unwritable (all else); returns -@error. */
int file_write_fault(struct fault *fault, int error, const char *path);

#endif

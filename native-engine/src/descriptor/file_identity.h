/* Is a file by that path still the one that was open at the checkpoint? */
#ifndef FILE_IDENTITY_H
#define FILE_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct file_identity { /* part of the image format: fields are only appended */
	uint64_t device, inode;
	uint64_t bytes;
	int64_t modified_ns;
	uint32_t mode, uid, gid;
	uint32_t sampled; /* the sample below is known */
	uint64_t sample;  /* XXH3-64: see file_sample */
};

/*
 * @fd: for reading its content, or -1 (then a changed file can only be told by size and time).
 * Position and state of @fd are not touched.
 */
void file_identity_take(struct file_identity *i, const struct stat *status, int fd);

enum file_change {
	FILE_SAME,
	FILE_GROWN,  /* what was there is unchanged as far as known, more has been appended */
	FILE_SHORTER,
	FILE_CHANGED,
};

/* @status, @fd: of the file found now; @fd may be -1. */
enum file_change file_identity_compare(const struct file_identity *i, const struct stat *status,
				       int fd);

/* Files made up by the kernel: size and times mean nothing there. @filesystem: f_type. */
bool filesystem_is_virtual(uint32_t filesystem);

#endif

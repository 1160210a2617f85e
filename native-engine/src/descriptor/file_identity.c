#include "file_identity.h"

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define SAMPLE_BYTES 65536u

/* Files up to here are sampled wholly: the head's and the tail's sample meet. */
#define WHOLE_BYTES (2 * SAMPLE_BYTES)

static bool sample_range(XXH3_state_t *state, int fd, uint64_t offset, uint64_t bytes)
{
	char data[16384];

	while (bytes) {
		ssize_t n = pread(fd, data, bytes < sizeof(data) ? bytes : sizeof(data), offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		XXH3_64bits_update(state, data, n);
		offset += n;
		bytes -= n;
	}
	return true;
}

/* The first and the last 64 KiB of the first @bytes of a file. False: it cannot be read. */
static bool file_sample(int fd, uint64_t bytes, uint64_t *sample)
{
	XXH3_state_t state;
	bool ok;

	XXH3_INITSTATE(&state);
	XXH3_64bits_reset(&state);
	if (bytes <= WHOLE_BYTES)
		ok = sample_range(&state, fd, 0, bytes);
	else
		ok = sample_range(&state, fd, 0, SAMPLE_BYTES) &&
		     sample_range(&state, fd, bytes - SAMPLE_BYTES, SAMPLE_BYTES);
	if (ok)
		*sample = XXH3_64bits_digest(&state);
	return ok;
}

static int64_t modified_ns(const struct stat *status)
{
	return status->st_mtim.tv_sec * 1000000000l + status->st_mtim.tv_nsec;
}

void file_identity_take(struct file_identity *i, const struct stat *status, int fd)
{
	memset(i, 0, sizeof(*i));
	i->device = status->st_dev;
	i->inode = status->st_ino;
	i->bytes = status->st_size;
	i->modified_ns = modified_ns(status);
	i->mode = status->st_mode;
	i->uid = status->st_uid;
	i->gid = status->st_gid;
	i->sampled = fd >= 0 && file_sample(fd, i->bytes, &i->sample);
}

enum file_change file_identity_compare(const struct file_identity *i, const struct stat *status,
				       int fd)
{
	uint64_t bytes = status->st_size, sample;
	bool alike;

	if ((status->st_mode & S_IFMT) != (i->mode & S_IFMT))
		return FILE_CHANGED;
	if (bytes < i->bytes)
		return FILE_SHORTER;
	if (bytes == i->bytes && modified_ns(status) == i->modified_ns)
		return FILE_SAME; /* by another inode too: copied with its times */
	alike = i->sampled && fd >= 0 && file_sample(fd, i->bytes, &sample) && sample == i->sample;
	if (bytes > i->bytes) {
		/* A log that only its owner may read: nothing to compare, but the same file. */
		if (alike || (!i->sampled && status->st_dev == i->device &&
			      status->st_ino == i->inode))
			return FILE_GROWN;
		return FILE_CHANGED;
	}
	/* The middle of a large file may have been written to: its samples prove nothing. */
	return alike && bytes <= WHOLE_BYTES ? FILE_SAME : FILE_CHANGED;
}

bool filesystem_is_virtual(uint32_t filesystem)
{
	switch (filesystem) {
	case PROC_SUPER_MAGIC:
	case SYSFS_MAGIC:
	case CGROUP_SUPER_MAGIC:
	case CGROUP2_SUPER_MAGIC:
	case DEBUGFS_MAGIC:
	case TRACEFS_MAGIC:
	case SECURITYFS_MAGIC:
		return true;
	}
	return false;
}

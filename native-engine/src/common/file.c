#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int file_write_fault(struct fault *fault, int error, const char *path)
{
	if (error == ENOSPC || error == EDQUOT)
		return fault_set(fault, error, "disk-full", "%s: %s", path, strerror(error));
	return fault_set(fault, error, "image-unwritable", "%s: %s", path, strerror(error));
}

int file_create(const char *path, struct fault *fault)
{
	int fd;

	if (unlink(path) && errno != ENOENT)
		return file_write_fault(fault, errno, path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return file_write_fault(fault, errno, path);
	return fd;
}

int file_write_at(int fd, const void *data, size_t bytes, uint64_t offset)
{
	const char *from = data;

	while (bytes) {
		ssize_t n = pwrite(fd, from, bytes, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -EIO;
		from += n;
		offset += n;
		bytes -= n;
	}
	return 0;
}

int file_put_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

int file_read_at(int fd, void *data, size_t bytes, uint64_t offset)
{
	char *to = data;

	while (bytes) {
		ssize_t n = pread(fd, to, bytes, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -ENODATA;
		to += n;
		offset += n;
		bytes -= n;
	}
	return 0;
}

int file_sync_directory_of(const char *path)
{
	char copy[PATH_MAX];
	int fd, ret = 0;

	if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy))
		return -ENAMETOOLONG;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == EACCES ? 0 : -errno; /* writable, not readable: cannot be synced */
	if (fsync(fd) && errno != EINVAL && errno != EROFS)
		ret = -errno;
	close(fd);
	return ret;
}

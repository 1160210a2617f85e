/* Directories: reopened by path. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../resource/path_here.h"
#include "kinds.h"

struct directory_payload {
	uint32_t bytes; /* of this struct */
	uint32_t deleted;
	uint64_t device, inode;
	/* tail: path */
};

static const char deleted_suffix[] = " (deleted)";

static bool directory_claims(const struct descriptor_view *d)
{
	return S_ISDIR(d->status.st_mode);
}

/*
 * F_NOTIFY (dnotify) sets an owner, which has no other use on a directory; of which changes the owner
 * is told nothing shows.
 */
static int directory_check(pid_t pid, const struct descriptor_view *d, struct fault *fault)
{
	int pidfd, fd, owner;

	if (d->flags & O_PATH)
		return 0;
	pidfd = syscall(SYS_pidfd_open, d->pid, 0);
	fd = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, d->number, 0);
	owner = fd < 0 ? 0 : fcntl(fd, F_GETOWN);
	if (pidfd >= 0)
		close(pidfd);
	if (fd >= 0)
		close(fd);
	if (!owner || owner == -1)
		return 0;
	return fault_set(fault, EOPNOTSUPP, "not-supported",
			 "process %d: descriptor %d (%s) tells of changes in its directory by signal "
			 "(F_NOTIFY); inotify can be captured", pid, d->number, d->link);
}

static int directory_capture(struct capture *c, const struct descriptor_view *d, uint64_t file_id,
			     struct buffer *payload)
{
	struct directory_payload r = {
		.bytes = sizeof(r),
		.device = d->status.st_dev,
		.inode = d->status.st_ino,
	};
	size_t length = strlen(d->link), suffix = strlen(deleted_suffix);

	(void)c;
	(void)file_id;
	if (!d->status.st_nlink && length > suffix &&
	    !strcmp(d->link + length - suffix, deleted_suffix)) {
		r.deleted = 1;
		length -= suffix;
	}
	buffer_append(payload, &r, sizeof(r));
	buffer_append(payload, d->link, length);
	return 0;
}

static void read_payload(const struct image_reader *image, const void *payload, size_t bytes,
			 struct directory_payload *r, char *path)
{
	const char *tail;
	size_t length;

	file_payload_head(payload, bytes, r, sizeof(*r));
	tail = file_payload_tail(payload, bytes, &length);
	if (length >= PATH_MAX)
		length = PATH_MAX - 1;
	memcpy(path, tail, length);
	path[length] = 0;
	path_here(image, path);
}

static int directory_verify(struct image_reader *image, const struct file_record *f,
			    const void *payload, size_t bytes, struct fault *fault)
{
	struct directory_payload r;
	char path[PATH_MAX];
	struct stat now;

	(void)f;
	read_payload(image, payload, bytes, &r, path);
	if (r.deleted || !strncmp(path, "/proc/", 6))
		return 0;
	if (stat(path, &now) || !S_ISDIR(now.st_mode)) {
		int error = S_ISDIR(now.st_mode) ? errno : ENOTDIR;

		return fault_set(fault, error, "file-missing",
				 "directory %s, which the program has open: %s", path,
				 strerror(error));
	}
	return 0;
}

/*
 * With no flag more than it had, O_DIRECTORY too, which stays with a descriptor for good. Where a
 * FIFO has taken its place since directory_verify() nothing must wait for somebody to write.
 */
static int open_directory(const char *path, uint32_t flags)
{
	int fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), error = 0;
	struct stat now;

	if (fd < 0 || flags & O_PATH)
		return fd;
	if (fstat(fd, &now) || (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags)))
		error = errno;
	else if (!S_ISDIR(now.st_mode))
		error = ENOTDIR;
	if (!error)
		return fd;
	close(fd);
	errno = error;
	return -1;
}

static int directory_restore(struct rebuilt_process *p, const struct file_record *f,
			     const void *payload, size_t bytes, int *fd)
{
	struct directory_payload r;
	char path[PATH_MAX];
	bool made;
	int error;

	read_payload(p->image, payload, bytes, &r, path);
	/* A removed one lives on without a name: made, opened and removed again. */
	made = r.deleted && !mkdir(path, 0700);
	*fd = open_directory(path, f->flags & ~O_ASYNC);
	error = errno;
	if (made)
		rmdir(path);
	if (*fd < 0)
		return fault_set(p->fault, error, "file-missing",
				 "directory %s cannot be opened again: %s", path, strerror(error));
	if (f->position)
		lseek(*fd, f->position, SEEK_SET);
	return 0;
}

const struct file_kind_ops directory_kind = {
	.kind = FILE_DIRECTORY,
	.name = "directory",
	.claims = directory_claims,
	.check = directory_check,
	.capture = directory_capture,
	.verify = directory_verify,
	.restore = directory_restore,
	.describe = file_payload_describe_path,
};

/* O_PATH descriptors: a place in the tree, nothing opened. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <unistd.h>

#include "../resource/path_here.h"
#include "kinds.h"

struct path_payload {
	uint32_t bytes; /* of this struct */
	uint32_t mode;
	/* tail: path */
};

static bool path_claims(const struct descriptor_view *d)
{
	/* What is in /proc has numbers in its path: proc_file.c */
	return d->flags & O_PATH && d->filesystem != PROC_SUPER_MAGIC;
}

static int path_check(pid_t pid, const struct descriptor_view *d, struct fault *fault)
{
	if (d->link[0] == '/')
		return 0;
	return fault_set(fault, EOPNOTSUPP, "not-supported",
			 "process %d: descriptor %d (%s) is O_PATH on something without a path",
			 pid,
			 d->number, d->link);
}

static int path_capture(struct capture *c, const struct descriptor_view *d, uint64_t file_id,
			struct buffer *payload)
{
	struct path_payload r = { .bytes = sizeof(r), .mode = d->status.st_mode };

	(void)file_id;
	if (d->link[0] != '/')
		return path_check(c->process->virtual_pid, d, c->fault);
	buffer_append(payload, &r, sizeof(r));
	buffer_append(payload, d->link, strlen(d->link));
	return 0;
}

static int path_restore(struct rebuilt_process *p, const struct file_record *f, const void *payload,
			size_t bytes, int *fd)
{
	struct path_payload r;
	char path[PATH_MAX];
	const char *tail;
	size_t length;
	int flags;

	file_payload_head(payload, bytes, &r, sizeof(r));
	tail = file_payload_tail(payload, bytes, &length);
	if (length >= sizeof(path))
		length = sizeof(path) - 1;
	memcpy(path, tail, length);
	path[length] = 0;
	path_here(p->image, path);
	/*
	 * fdinfo keeps O_PATH, O_NOFOLLOW and O_DIRECTORY: open(2) lets no others pass with O_PATH.
	 */
	flags = f->flags & (O_PATH | O_DIRECTORY);
	if (S_ISLNK(r.mode))
		flags |= O_NOFOLLOW;
	*fd = open(path, flags | O_PATH | O_CLOEXEC);
	if (*fd < 0)
		return fault_set(p->fault, errno, "file-missing", "%s (O_PATH): %s", path,
				 strerror(errno));
	return 0;
}

const struct file_kind_ops path_only_kind = {
	.kind = FILE_PATH,
	.name = "path",
	.claims = path_claims,
	.check = path_check,
	.capture = path_capture,
	.restore = path_restore,
	.describe = file_payload_describe_path,
};

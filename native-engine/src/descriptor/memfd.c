/* memfd: name, content, mode, seals. The content is the inode's and may be mapped by many. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../engine/round.h"
#include "../restart/rebuild.h"
#include "content.h"
#include "kinds.h"

#ifndef HUGETLBFS_MAGIC
#define HUGETLBFS_MAGIC 0x958458f6
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020 /* linux/fcntl.h, 6.3 */
#endif

struct memfd_payload {
	uint32_t bytes; /* of this struct */
	uint32_t mode;
	uint64_t object;
	uint64_t size;
	uint32_t seals;
	uint32_t hugetlb_bytes; /* 0: ordinary pages */
	/* tail: name */
};

static const char prefix[] = "/memfd:", suffix[] = " (deleted)";

static bool memfd_claims(const struct descriptor_view *d)
{
	return S_ISREG(d->status.st_mode) && !d->status.st_nlink &&
	       !strncmp(d->link, prefix, sizeof(prefix) - 1);
}

static int memfd_capture(struct capture *c, const struct descriptor_view *d, uint64_t file_id,
			 struct buffer *payload)
{
	struct memfd_payload r = {
		.bytes = sizeof(r),
		.mode = d->status.st_mode,
		.size = d->status.st_size,
	};
	size_t name_bytes = strlen(d->link) - (sizeof(prefix) - 1);
	int seals, ret = 0;
	bool is_new;

	(void)file_id;
	seals = fcntl(d->borrowed, F_GET_SEALS);
	if (seals > 0)
		r.seals = seals;
	if (d->filesystem == HUGETLBFS_MAGIC)
		r.hugetlb_bytes = d->status.st_blksize;
	r.object = round_inode_id(c->round, d->status.st_dev, d->status.st_ino, &is_new);
	if (is_new)
		ret = content_save(c, r.object, d->borrowed, r.size);
	if (name_bytes >= sizeof(suffix) - 1)
		name_bytes -= sizeof(suffix) - 1;
	buffer_append(payload, &r, sizeof(r));
	buffer_append(payload, d->link + sizeof(prefix) - 1, name_bytes);
	return ret;
}

/* The inode with its content; seals come last. -errno. */
static int make_memfd(struct rebuilt_process *p, const struct memfd_payload *r, const char *name)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd, ret;

	if (r->hugetlb_bytes)
		flags |= MFD_HUGETLB | __builtin_ctz(r->hugetlb_bytes) << MFD_HUGE_SHIFT;
	fd = memfd_create(name, flags);
	if (fd < 0)
		return -errno;
	fchmod(fd, r->mode & 07777);
	if (ftruncate(fd, r->size)) {
		ret = -errno;
		goto err_close;
	}
	ret = rebuild_content(p->rebuild, r->object, r->size, fd, p->fault);
	if (!ret)
		return fd;

err_close:
	close(fd);
	return ret;
}

static int memfd_restore(struct rebuilt_process *p, const struct file_record *f,
			 const void *payload, size_t bytes, int *fd)
{
	struct memfd_payload r;
	char name[NAME_MAX + 1];
	const char *tail;
	size_t length;
	int inode, ret;

	file_payload_head(payload, bytes, &r, sizeof(r));
	tail = file_payload_tail(payload, bytes, &length);
	if (length > NAME_MAX)
		length = NAME_MAX;
	memcpy(name, tail, length);
	name[length] = 0;
	inode = rebuild_lookup(p->rebuild, r.object);
	if (inode < 0) {
		inode = make_memfd(p, &r, name);
		if (inode < 0)
			return fault_set(p->fault, -inode, "out-of-memory", "memfd %s: %s", name,
					 strerror(-inode));
		ret = rebuild_remember(p->rebuild, r.object, inode, p->fault);
		if (ret)
			return ret;
		inode = rebuild_lookup(p->rebuild, r.object);
	}
	*fd = file_reopen(inode, f->flags & ~(O_CREAT | O_EXCL | O_TRUNC | O_ASYNC));
	if (*fd < 0)
		return *fd;
	if (f->position)
		lseek(*fd, f->position, SEEK_SET);
	return 0;
}

/* After the memory is in place: it could not be written to any more. */
static int memfd_restore_last(struct rebuilt_process *p, const struct file_record *f,
			      const void *payload, size_t bytes, int fd)
{
	struct memfd_payload r;
	int seals, inode;

	(void)f;
	(void)fd;
	file_payload_head(payload, bytes, &r, sizeof(r));
	inode = rebuild_lookup(p->rebuild, r.object);
	seals = fcntl(inode, F_GET_SEALS);
	if (seals >= 0 && (uint32_t)seals != r.seals && fcntl(inode, F_ADD_SEALS, r.seals & ~seals))
		return fault_set(p->fault, errno, "internal", "seals of a memfd: %s",
				strerror(errno));
	return 0;
}

const struct file_kind_ops memfd_kind = {
	.kind = FILE_MEMFD,
	.name = "memfd",
	.claims = memfd_claims,
	.capture = memfd_capture,
	.restore = memfd_restore,
	.restore_last = memfd_restore_last,
	.describe = file_payload_describe_path,
};

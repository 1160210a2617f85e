/* eventfd: its counter and whether it is a semaphore. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../common/proc.h"
#include "kinds.h"

struct eventfd_payload {
	uint32_t bytes; /* of this struct */
	uint32_t semaphore;
	uint64_t count;
};

#define UNKNOWN UINT64_MAX

static bool eventfd_claims(const struct descriptor_view *d)
{
	return !strcmp(d->link, "anon_inode:[eventfd]");
}

/* Before Linux 6.5 fdinfo does not tell: take one and put back what came. */
static bool acts_as_semaphore(int fd, uint64_t count)
{
	uint64_t taken = 0;

	if (count < 2)
		return false; /* cannot be told, and never blocks differently at 0 or 1 */
	if (read(fd, &taken, sizeof(taken)) != sizeof(taken))
		return false;
	if (write(fd, &taken, sizeof(taken)) != sizeof(taken))
		return false;
	return taken == 1;
}

static int eventfd_capture(struct capture *c, const struct descriptor_view *d, uint64_t file_id,
			   struct buffer *payload)
{
	struct eventfd_payload r = { .bytes = sizeof(r) };
	uint64_t semaphore;

	(void)c;
	(void)file_id;
	r.count = proc_field_number(d->fdinfo, "eventfd-count", 16, 0);
	semaphore = proc_field_number(d->fdinfo, "eventfd-semaphore", 10, UNKNOWN);
	r.semaphore = semaphore == UNKNOWN ? acts_as_semaphore(d->borrowed, r.count) : semaphore;
	buffer_append(payload, &r, sizeof(r));
	return 0;
}

static int eventfd_restore(struct rebuilt_process *p, const struct file_record *f,
			   const void *payload, size_t bytes, int *fd)
{
	struct eventfd_payload r;

	(void)p;
	file_payload_head(payload, bytes, &r, sizeof(r));
	*fd = eventfd(0, EFD_CLOEXEC | (f->flags & O_NONBLOCK) | (r.semaphore ? EFD_SEMAPHORE : 0));
	if (*fd < 0)
		return -errno;
	if (r.count && write(*fd, &r.count, sizeof(r.count)) != sizeof(r.count)) {
		int error = errno;

		close(*fd);
		return -error;
	}
	return 0;
}

static void eventfd_describe(const void *payload, size_t bytes, json_t *out)
{
	struct eventfd_payload r;

	file_payload_head(payload, bytes, &r, sizeof(r));
	json_object_set_new(out, "count", json_integer(r.count));
}

const struct file_kind_ops eventfd_kind = {
	.kind = FILE_EVENTFD,
	.name = "eventfd",
	.claims = eventfd_claims,
	.capture = eventfd_capture,
	.restore = eventfd_restore,
	.describe = eventfd_describe,
};

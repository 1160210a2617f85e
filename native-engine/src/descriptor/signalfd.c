/* signalfd: its mask. The signals themselves wait in the process. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../common/proc.h"
#include "kinds.h"

struct signalfd_payload {
	uint32_t bytes; /* of this struct */
	uint32_t reserved;
	uint64_t mask; /* as the kernel's sigset_t: bit 0 is signal 1 */
};

static bool signalfd_claims(const struct descriptor_view *d)
{
	return !strcmp(d->link, "anon_inode:[signalfd]");
}

static int signalfd_capture(struct capture *c, const struct descriptor_view *d, uint64_t file_id,
			    struct buffer *payload)
{
	struct signalfd_payload r = { .bytes = sizeof(r) };

	(void)c;
	(void)file_id;
	r.mask = proc_field_number(d->fdinfo, "sigmask", 16, 0);
	buffer_append(payload, &r, sizeof(r));
	return 0;
}

static int signalfd_restore(struct rebuilt_process *p, const struct file_record *f,
			    const void *payload, size_t bytes, int *fd)
{
	struct signalfd_payload r;

	(void)p;
	file_payload_head(payload, bytes, &r, sizeof(r));
	*fd = syscall(SYS_signalfd4, -1, &r.mask, sizeof(r.mask),
			O_CLOEXEC | (f->flags & O_NONBLOCK));
	return *fd < 0 ? -errno : 0;
}

const struct file_kind_ops signalfd_kind = {
	.kind = FILE_SIGNALFD,
	.name = "signalfd",
	.claims = signalfd_claims,
	.capture = signalfd_capture,
	.restore = signalfd_restore,
};

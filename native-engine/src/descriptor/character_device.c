/* Character devices without a state of their own: opened again. Others are refused. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "kinds.h"

#define MEMORY_MAJOR 1 /* Documentation/admin-guide/devices.txt */

static bool device_claims(const struct descriptor_view *d)
{
	return S_ISCHR(d->status.st_mode);
}

static bool stateless(dev_t device)
{
	switch (minor(device)) {
	case 3: /* null */
	case 5: /* zero */
	case 7: /* full */
	case 8: /* random */
	case 9: /* urandom */
		return major(device) == MEMORY_MAJOR;
	}
	return false;
}

static int device_check(pid_t pid, const struct descriptor_view *d, struct fault *fault)
{
	if (stateless(d->status.st_rdev))
		return 0;
	return fault_set(fault, EOPNOTSUPP, "not-supported",
			 "process %d: descriptor %d is the device %s, whose state cannot be captured",
			 pid, d->number, d->link);
}

static int device_capture(struct capture *c, const struct descriptor_view *d, uint64_t file_id,
			  struct buffer *payload)
{
	uint32_t bytes = sizeof(bytes);

	(void)file_id;
	if (!stateless(d->status.st_rdev))
		return device_check(c->process->virtual_pid, d, c->fault);
	buffer_append(payload, &bytes, sizeof(bytes));
	buffer_append(payload, d->link, strlen(d->link));
	return 0;
}

static int device_restore(struct rebuilt_process *p, const struct file_record *f,
			  const void *payload, size_t bytes, int *fd)
{
	char path[PATH_MAX];
	const char *tail;
	size_t length;

	tail = file_payload_tail(payload, bytes, &length);
	if (length >= sizeof(path))
		length = sizeof(path) - 1;
	memcpy(path, tail, length);
	path[length] = 0;
	*fd = open(path, (f->flags & ~O_ASYNC) | O_CLOEXEC | O_NOCTTY);
	if (*fd < 0)
		return fault_set(p->fault, errno, "file-missing", "device %s: %s", path,
				 strerror(errno));
	return 0;
}

const struct file_kind_ops character_device_kind = {
	.kind = FILE_CHARDEV,
	.name = "device",
	.claims = device_claims,
	.check = device_check,
	.capture = device_capture,
	.restore = device_restore,
	.describe = file_payload_describe_path,
};

/* pidfd: which process of the computation it means, or that this one has ended. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/proc.h"
#include "../engine/round.h"
#include "../trace/status.h"
#include "kinds.h"

struct pidfd_payload {
	uint32_t bytes; /* of this struct */
	int32_t virtual_pid; /* 0: its process has ended and is gone */
};

static bool pidfd_claims(const struct descriptor_view *d)
{
	return !strcmp(d->link, "anon_inode:[pidfd]") || !strncmp(d->link, "pidfd:[", 7);
}

/* A thread's: it could be opened again only when all threads are there, and not be shared then. */
static int pidfd_check(pid_t pid, const struct descriptor_view *d, struct fault *fault)
{
	pid_t target = proc_field_number(d->fdinfo, "Pid", 10, -1);
	struct proc_status status;

	if (target <= 0 || proc_status(target, &status) || status.tgid == target)
		return 0;
	return fault_set(fault, EOPNOTSUPP, "not-supported",
			 "process %d: descriptor %d is a pidfd of thread %d, not of a process", pid,
			 d->number, target);
}

static int pidfd_capture(struct capture *c, const struct descriptor_view *d, uint64_t file_id,
			 struct buffer *payload)
{
	struct pidfd_payload r = { .bytes = sizeof(r) };
	pid_t pid = proc_field_number(d->fdinfo, "Pid", 10, -1);

	(void)file_id;
	if (pidfd_check(c->process->virtual_pid, d, c->fault))
		return -EOPNOTSUPP;
	if (pid > 0) {
		r.virtual_pid = round_virtual_pid(c->round, pid);
		if (!r.virtual_pid)
			return fault_set(c->fault, EOPNOTSUPP, "not-supported",
					 "process %d: descriptor %d is a pidfd of process %d, which does "
					 "not belong to the computation", c->process->virtual_pid,
					 d->number, pid);
	}
	buffer_append(payload, &r, sizeof(r));
	return 0;
}

/* A pidfd of a process that has ended and been waited for. */
static int open_of_dead(void)
{
	pid_t child = fork();
	int fd, ret;

	if (child < 0)
		return -errno;
	if (!child)
		_exit(0);
	fd = syscall(SYS_pidfd_open, child, 0);
	ret = errno;
	waitpid(child, NULL, 0);
	return fd < 0 ? -ret : fd;
}

static int pidfd_restore(struct rebuilt_process *p, const struct file_record *f,
			 const void *payload, size_t bytes, int *fd)
{
	(void)p;
	(void)payload;
	(void)bytes;
	*fd = open_of_dead();
	if (*fd < 0)
		return *fd;
	if (f->flags & O_NONBLOCK)
		fcntl(*fd, F_SETFL, O_NONBLOCK);
	return 0;
}

static int pidfd_restore_inside(struct rebuilt_process *p, const struct file_record *f,
				const void *payload, size_t bytes, int *fd)
{
	struct pidfd_payload r;

	file_payload_head(payload, bytes, &r, sizeof(r));
	if (!r.virtual_pid)
		return 0;
	*fd = syscall(SYS_pidfd_open, r.virtual_pid, f->flags & (O_NONBLOCK | O_EXCL));
	if (*fd < 0)
		return fault_set(p->fault, errno, "internal", "process %d: pidfd of process %d: %s",
				 p->image->header.virtual_pid, r.virtual_pid, strerror(errno));
	return 0;
}

static void pidfd_describe(const void *payload, size_t bytes, json_t *out)
{
	struct pidfd_payload r;

	file_payload_head(payload, bytes, &r, sizeof(r));
	json_object_set_new(out, "process", json_integer(r.virtual_pid));
}

const struct file_kind_ops pidfd_kind = {
	.kind = FILE_PIDFD,
	.name = "pidfd",
	.claims = pidfd_claims,
	.check = pidfd_check,
	.capture = pidfd_capture,
	.restore = pidfd_restore,
	.restore_inside = pidfd_restore_inside,
	.describe = pidfd_describe,
};

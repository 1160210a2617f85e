/* Files of /proc, and namespaces (nsfs): opened again in the new /proc. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../engine/round.h"
#include "kinds.h"

struct proc_payload {
	uint32_t bytes; /* of this struct */
	int32_t virtual_pid; /* 0: not of a process; else the tail is what follows /proc/PID/ */
	/* tail: path */
};

static const char *const namespaces[] = {
	"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts",
};

static bool proc_claims(const struct descriptor_view *d)
{
	return (d->filesystem == PROC_SUPER_MAGIC && d->link[0] == '/') ||
	       d->filesystem == NSFS_MAGIC;
}

/* Which of the process's own namespaces it is. NULL: another. */
static const char *own_namespace(pid_t pid, const struct descriptor_view *d)
{
	for (size_t n = 0; n < sizeof(namespaces) / sizeof(*namespaces); n++) {
		char path[48];
		struct stat own;

		snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, namespaces[n]);
		if (!stat(path, &own) && own.st_dev == d->status.st_dev &&
		    own.st_ino == d->status.st_ino)
			return namespaces[n];
	}
	return NULL;
}

static int proc_check(pid_t pid, const struct descriptor_view *d, struct fault *fault)
{
	if (d->filesystem != NSFS_MAGIC || own_namespace(pid, d))
		return 0;
	return fault_set(fault, EOPNOTSUPP, "not-supported",
			 "process %d: descriptor %d (%s) is a namespace that the process is not in",
			 pid,
			 d->number, d->link);
}

static int proc_capture(struct capture *c, const struct descriptor_view *d, uint64_t file_id,
			struct buffer *payload)
{
	struct proc_payload r = { .bytes = sizeof(r) };
	char path[PATH_MAX];
	struct stat own;
	char *rest;
	long pid;

	(void)file_id;
	snprintf(path, sizeof(path), "%s", d->link);
	if (d->filesystem == NSFS_MAGIC) {
		const char *name = own_namespace(d->pid, d);

		if (!name)
			return proc_check(c->process->virtual_pid, d, c->fault);
		r.virtual_pid = c->process->virtual_pid;
		snprintf(path, sizeof(path), "ns/%s", name);
	} else if (!strncmp(path, "/proc/", 6) && (pid = strtol(path + 6, &rest, 10)) > 0 &&
		   (*rest == '/' || !*rest)) {
		/*
		 * Numbers are those of the mount it was opened in: ours, or that of a restored
		 * process.
		 */
		r.virtual_pid = !stat("/proc", &own) && own.st_dev == d->status.st_dev ?
					round_virtual_pid(c->round, pid) : pid;
		if (!r.virtual_pid)
			return fault_set(c->fault, EOPNOTSUPP, "not-supported",
					 "process %d: descriptor %d is %s of a process that does not "
					 "belong to the computation", c->process->virtual_pid,
					 d->number, d->link);
		memmove(path, *rest ? rest + 1 : rest, strlen(*rest ? rest + 1 : rest) + 1);
	}
	buffer_append(payload, &r, sizeof(r));
	buffer_append(payload, path, strlen(path));
	return 0;
}

static void read_payload(const void *payload, size_t bytes, struct proc_payload *r, char *path,
			 size_t capacity)
{
	size_t length;
	const char *tail;

	file_payload_head(payload, bytes, r, sizeof(*r));
	tail = file_payload_tail(payload, bytes, &length);
	if (r->virtual_pid)
		snprintf(path, capacity, "/proc/%d/%.*s", r->virtual_pid, (int)length, tail);
	else
		snprintf(path, capacity, "%.*s", (int)length, tail);
}

static int open_file(struct rebuilt_process *p, const struct file_record *f, const char *path,
		int *fd)
{
	*fd = open(path, (f->flags & ~O_ASYNC) | O_CLOEXEC | O_NOCTTY);
	if (*fd < 0)
		return fault_set(p->fault, errno, "file-missing", "%s: %s", path, strerror(errno));
	if (f->position)
		lseek(*fd, f->position, SEEK_SET);
	return 0;
}

static int proc_restore(struct rebuilt_process *p, const struct file_record *f, const void *payload,
			size_t bytes, int *fd)
{
	struct proc_payload r;
	char path[PATH_MAX + 32];

	read_payload(payload, bytes, &r, path, sizeof(path));
	if (!r.virtual_pid)
		return open_file(p, f, path, fd);
	*fd = open("/dev/null", O_RDONLY | O_CLOEXEC); /* its place until the process exists */
	return *fd < 0 ? -errno : 0;
}

static int proc_restore_inside(struct rebuilt_process *p, const struct file_record *f,
			       const void *payload, size_t bytes, int *fd)
{
	struct proc_payload r;
	char path[PATH_MAX + 32];

	read_payload(payload, bytes, &r, path, sizeof(path));
	return r.virtual_pid ? open_file(p, f, path, fd) : 0;
}

static void proc_describe(const void *payload, size_t bytes, json_t *out)
{
	struct proc_payload r;

	file_payload_head(payload, bytes, &r, sizeof(r));
	file_payload_describe_path(payload, bytes, out);
	if (r.virtual_pid)
		json_object_set_new(out, "process", json_integer(r.virtual_pid));
}

const struct file_kind_ops proc_file_kind = {
	.kind = FILE_PROC,
	.name = "/proc file",
	.claims = proc_claims,
	.check = proc_check,
	.capture = proc_capture,
	.restore = proc_restore,
	.restore_inside = proc_restore_inside,
	.describe = proc_describe,
};

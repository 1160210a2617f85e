#include "inventory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../common/array.h"
#include "../common/proc.h"
#include "inet_table.h"
#include "pty.h"
#include "unix_diag.h"
#include "view.h"

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL /* linux/pidfd.h, 6.9 */
#endif

/* A thread that still has the process's descriptors: not a leader that has exited. */
static pid_t living_thread(const struct process *p)
{
	for (size_t i = 0; i < p->thread_count; i++)
		if (!p->threads[i].exited_leader)
			return p->threads[i].tid;
	return p->pid;
}

static const struct file_kind_ops *kind_of(const struct descriptor_view *view)
{
	for (size_t i = 0; descriptor_table[i]; i++)
		if (descriptor_table[i]->claims(view))
			return descriptor_table[i];
	return NULL; /* cannot be: the last kind claims all */
}

static struct inventory_entry *add_entry(struct inventory *i)
{
	struct inventory_entry *more =
		array_grow(i->entries, i->count, &i->capacity, sizeof(*more));

	if (!more)
		return NULL;
	i->entries = more;
	memset(&i->entries[i->count], 0, sizeof(*i->entries));
	return &i->entries[i->count++];
}

/* What never changes of an open file description; all eventfds share one inode. */
static uint64_t trait_of(const struct descriptor_view *view)
{
	return (view->flags & O_ACCMODE) |
	       proc_field_number(view->fdinfo, "eventfd-id", 10, 0) << 2;
}

static int walk_member(struct round *r, struct inventory *i, struct process *p,
		       struct fault *fault)
{
	struct view_walk *walk;
	int ret;

	if (p->zombie)
		return 0;
	ret = view_walk_open(&walk, p->pid, living_thread(p));
	if (ret)
		return fault_set(fault, -ret, "not-allowed-to-trace",
				 "process %d: cannot read its descriptors: %s", p->virtual_pid,
				 strerror(-ret));
	for (;;) {
		struct inventory_entry *e = add_entry(i);
		bool is_new;

		if (!e) {
			ret = fault_set(fault, ENOMEM, "out-of-memory", "descriptors of process %d",
					p->virtual_pid);
			break;
		}
		ret = view_walk_next(walk, &e->view);
		if (ret <= 0) {
			i->count--;
			if (ret)
				fault_set(fault, -ret, "not-allowed-to-trace",
					  "process %d: cannot read a descriptor: %s",
					  p->virtual_pid, strerror(-ret));
			break;
		}
		e->process = p;
		e->held = -1;
		e->kind = kind_of(&e->view);
		e->file_id = round_file_id(r, p, e->view.number, &e->view.status,
					   trait_of(&e->view), &is_new);
	}
	view_walk_close(walk);
	return ret;
}

static int compare_inodes(const void *a, const void *b)
{
	const struct inventory_entry *x = *(struct inventory_entry *const *)a;
	const struct inventory_entry *y = *(struct inventory_entry *const *)b;

	if (x->view.status.st_dev != y->view.status.st_dev)
		return x->view.status.st_dev < y->view.status.st_dev ? -1 : 1;
	if (x->view.status.st_ino != y->view.status.st_ino)
		return x->view.status.st_ino < y->view.status.st_ino ? -1 : 1;
	return x < y ? -1 : x > y;
}

static int compare_files(const void *a, const void *b)
{
	const struct inventory_entry *x = *(struct inventory_entry *const *)a;
	const struct inventory_entry *y = *(struct inventory_entry *const *)b;

	if (x->process != y->process)
		return x->process < y->process ? -1 : 1;
	if (x->file_id != y->file_id)
		return x->file_id < y->file_id ? -1 : 1;
	return x < y ? -1 : x > y;
}

static int index_entries(struct inventory *i)
{
	i->by_inode = malloc((i->count + 1) * sizeof(*i->by_inode));
	if (!i->by_inode)
		return -ENOMEM;
	for (size_t n = 0; n < i->count; n++)
		i->by_inode[n] = &i->entries[n];
	qsort(i->by_inode, i->count, sizeof(*i->by_inode), compare_files);
	for (size_t n = 0; n < i->count; n++)
		i->by_inode[n]->first = !n ||
					i->by_inode[n]->process != i->by_inode[n - 1]->process ||
					i->by_inode[n]->file_id != i->by_inode[n - 1]->file_id;
	qsort(i->by_inode, i->count, sizeof(*i->by_inode), compare_inodes);
	return 0;
}

int inventory_build(struct round *r, struct fault *fault)
{
	struct inventory *i;
	int ret = 0;

	if (r->descriptors)
		return 0;
	i = calloc(1, sizeof(*i));
	if (!i)
		return fault_set(fault, ENOMEM, "out-of-memory", "list of descriptors");
	i->parts = calloc(r->member_count + 1, sizeof(*i->parts));
	if (!i->parts)
		ret = fault_set(fault, ENOMEM, "out-of-memory", "list of descriptors");
	for (size_t n = 0; n < r->member_count && !ret; n++) {
		struct inventory_part *part = &i->parts[i->part_count++];

		part->process = r->members[n];
		part->start = i->count;
		ret = walk_member(r, i, r->members[n], fault);
		part->count = i->count - part->start;
	}
	if (!ret && index_entries(i))
		ret = fault_set(fault, ENOMEM, "out-of-memory", "list of descriptors");
	if (ret) {
		inventory_free(i);
		return ret;
	}
	r->descriptors = i;
	return 0;
}

void inventory_free(struct inventory *i)
{
	if (!i)
		return;
	for (size_t n = 0; n < i->count; n++)
		view_free(&i->entries[n].view);
	for (size_t n = 0; n < i->detached_count; n++) {
		view_free(&i->detached[n].view);
		close(i->detached[n].held);
	}
	if (i->unix_sockets)
		unix_table_free(i->unix_sockets);
	free(i->unix_sockets);
	inet_table_free(i->inet_sockets);
	pty_table_free(i->ptys);
	free(i->detached);
	free(i->parts);
	free(i->entries);
	free(i->by_inode);
	free(i);
}

struct inventory_entry *inventory_of(struct inventory *i, const struct process *process,
				     size_t *count)
{
	*count = 0;
	for (size_t n = 0; n < i->part_count; n++) {
		if (i->parts[n].process != process)
			continue;
		*count = i->parts[n].count;
		return &i->entries[i->parts[n].start];
	}
	return i->entries;
}

struct inventory_entry *inventory_find(struct inventory *i, const struct process *process,
				       int number)
{
	size_t count, low = 0, high;
	struct inventory_entry *e = inventory_of(i, process, &count);

	for (high = count; low < high;) {
		size_t middle = (low + high) / 2;

		if (e[middle].view.number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && e[low].view.number == number ? &e[low] : NULL;
}

struct inventory_entry **inventory_inode(struct inventory *i, uint64_t device, uint64_t inode,
					 size_t *count)
{
	size_t low = 0, high = i->count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct stat *s = &i->by_inode[middle]->view.status;

		if (s->st_dev < device || (s->st_dev == device && s->st_ino < inode))
			low = middle + 1;
		else
			high = middle;
	}
	for (high = low; high < i->count; high++) {
		const struct stat *s = &i->by_inode[high]->view.status;

		if (s->st_dev != device || s->st_ino != inode)
			break;
	}
	*count = high - low;
	return &i->by_inode[low];
}

static bool same_file(int fd, const struct inventory_entry *e)
{
	pid_t self = getpid(), pid = e->held < 0 ? e->process->pid : self;
	int number = e->held < 0 ? e->view.number : e->held;

	return !syscall(SYS_kcmp, self, pid, KCMP_FILE, fd, number);
}

static int add_detached(struct round *r, int fd, uint64_t *file_id)
{
	struct inventory *i = r->descriptors;
	struct inventory_entry *more, *e;
	bool is_new;
	int ret;

	more = realloc(i->detached, (i->detached_count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	i->detached = more;
	e = &more[i->detached_count];
	memset(e, 0, sizeof(*e));
	e->held = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (e->held < 0)
		return -errno;
	ret = view_one(getpid(), e->held, &e->view);
	if (ret) {
		close(e->held);
		return ret;
	}
	e->first = true;
	e->kind = kind_of(&e->view);
	/* No device has this number: an id like no inode's. */
	e->file_id = round_inode_id(r, UINT64_MAX, i->detached_count, &is_new);
	i->detached_count++;
	*file_id = e->file_id;
	return 0;
}

int inventory_identify(struct round *r, int fd, uint64_t *file_id, struct fault *fault)
{
	struct inventory *i = r->descriptors;
	struct inventory_entry **e;
	struct stat status;
	size_t count;
	int ret;

	if (fstat(fd, &status))
		return fault_set(fault, errno, "internal", "descriptor in flight: %s",
				 strerror(errno));
	e = inventory_inode(i, status.st_dev, status.st_ino, &count);
	for (size_t n = 0; n < count; n++) {
		if (same_file(fd, e[n])) {
			*file_id = e[n]->file_id;
			return 0;
		}
	}
	for (size_t n = 0; n < i->detached_count; n++) {
		if (same_file(fd, &i->detached[n])) {
			*file_id = i->detached[n].file_id;
			return 0;
		}
	}
	ret = add_detached(r, fd, file_id);
	return ret ? fault_set(fault, -ret, "internal", "descriptor in flight: %s",
			strerror(-ret)) : 0;
}

int inventory_borrow(const struct inventory_entry *e)
{
	const struct process *p = e->process;
	int pidfd, fd;

	if (e->held >= 0) {
		fd = fcntl(e->held, F_DUPFD_CLOEXEC, 0);
		return fd < 0 ? -errno : fd;
	}
	pidfd = p->pidfd;
	if (p->thread_count && p->threads[0].exited_leader) {
		pidfd = syscall(SYS_pidfd_open, living_thread(p), PIDFD_THREAD);
		if (pidfd < 0)
			return -errno;
	}
	fd = syscall(SYS_pidfd_getfd, pidfd, e->view.number, 0);
	if (fd < 0)
		fd = -errno;
	if (pidfd != p->pidfd)
		close(pidfd);
	return fd;
}

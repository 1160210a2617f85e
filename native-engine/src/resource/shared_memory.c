/*
 * Memory that processes share and that no path leads to: shared anonymous memory, memfds, hugetlb
 * memory, and deleted files that no descriptor is left of. One object per inode and round; restored
 * as one memfd in the builder. Content: through a descriptor where one of us can open one, else
 * shared_content.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../descriptor/content.h"
#include "../descriptor/inventory.h"
#include "../engine/round.h"
#include "../restart/rebuild.h"
#include "memory.h"

#define DELETED " (deleted)"

/* ---- finding a descriptor ---- */

/*
 * maps shows the device of the super block, stat(2) on some file systems (btrfs, overlayfs) that of
 * a subvolume or layer: what maps shows of a mapping of our own decides.
 */
static bool maps_as(int fd, const struct live_vma *v)
{
	void *page = mmap(NULL, PAGE_BYTES, PROT_NONE, MAP_PRIVATE, fd, 0);
	struct live_memory own;
	bool same = false;

	if (page == MAP_FAILED)
		return false;
	if (live_memory_read(&own, getpid(), getpid(), 0, NULL) == 0) {
		for (size_t i = 0; i < own.count; i++)
			if (own.vmas[i].v.start == (uintptr_t)page)
				same = own.vmas[i].device == v->device &&
				       own.vmas[i].inode == v->inode;
		live_memory_free(&own);
	}
	munmap(page, PAGE_BYTES);
	return same;
}

/* Opens @path if it is the file behind @v; it is looked at before it is opened (devices, pipes). */
static int open_if_same(const char *path, const struct live_vma *v)
{
	int found = open(path, O_PATH | O_CLOEXEC), fd;
	struct stat status;

	if (found < 0)
		return -errno;
	if (fstat(found, &status) || !S_ISREG(status.st_mode) || status.st_ino != v->inode) {
		close(found);
		return -ESTALE;
	}
	fd = file_reopen(found, O_RDONLY | O_NONBLOCK); /* the program may have a lease on it */
	close(found);
	if (fd >= 0 && status.st_dev != v->device && !maps_as(fd, v)) {
		close(fd);
		return -ESTALE;
	}
	return fd;
}

/* Through one of these descriptors, which are open on files of its number. */
static int open_one_of(struct inventory_entry **entries, size_t count, const struct live_vma *v)
{
	char path[80];
	int fd = -ENOENT;

	for (size_t i = 0; i < count && fd < 0; i++) {
		const struct inventory_entry *e = entries[i];

		if (!S_ISREG(e->view.status.st_mode))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%d/fd/%d", e->process->pid,
			 e->process->live_tid, e->view.number);
		fd = open_if_same(path, v);
	}
	return fd;
}

/*
 * Through a descriptor that some member has on it. Of all devices: see maps_as(). From the list: to
 * look through the descriptors of all members for each mapping of each would take seconds.
 */
static int open_through_member(struct capture *c, const struct live_vma *v)
{
	struct inventory_entry **entries, **end;
	struct inventory *i;
	int fd = -ENOENT;
	size_t count;

	if (inventory_build(c->round, c->fault) < 0)
		return -ENOMEM;
	i = c->round->descriptors;
	end = i->by_inode + i->count;
	for (entries = i->by_inode; fd < 0 && entries < end;) {
		uint64_t device = (*entries)->view.status.st_dev;

		entries = inventory_inode(i, device, v->inode, &count);
		fd = open_one_of(entries, count, v);
		entries = inventory_inode(i, device + 1, 0, &count); /* where the next device begins */
	}
	return fd;
}

int shared_memory_open(struct capture *c, const struct live_vma *v)
{
	char path[4200];
	int fd;

	if (v->path[0] == '/') {
		fd = open_if_same(v->path, v);
		if (fd >= 0)
			return fd;
		snprintf(path, sizeof(path), "/proc/%d/root%s", c->process->pid, v->path);
		fd = open_if_same(path, v);
		if (fd >= 0)
			return fd;
	}
	/* needs CAP_CHECKPOINT_RESTORE; the mapping need not have a name for it */
	snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, c->process->pid,
		 v->v.start, v->v.end);
	fd = open_if_same(path, v);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof(path), "/proc/%d/exe", c->process->pid); /* a program in a memfd */
	fd = open_if_same(path, v);
	if (fd >= 0)
		return fd;
	return open_through_member(c, v);
}

/* ---- capture ---- */

int shared_memory_capture(struct capture *c, struct mapped_file *f, bool is_new)
{
	const char *path = f->vmas[0]->path;
	int fd = shared_memory_open(c, f->vmas[0]), ret = 0;
	struct stat status;

	f->r.kind = MAPPED_MEMORY;
	f->r.mode = 0600;
	if (fd >= 0 && !fstat(fd, &status)) {
		int seals = fcntl(fd, F_GET_SEALS);

		f->r.bytes = (uint64_t)status.st_size;
		f->r.mode = status.st_mode & 07777;
		if (seals >= 0) {
			f->r.seals = (uint32_t)seals;
			f->r.flags |= MAPPED_SEALS_KNOWN;
		}
		if (is_new)
			ret = content_save(c, f->r.id, fd, f->r.bytes);
	} else {
		/* others in the round may have mapped other parts of it */
		ret = shared_memory_content(c, f);
	}
	if (fd >= 0)
		close(fd);
	if (ret >= 0)
		mapped_file_append(c, f, path, NULL);
	else
		fault_set(c->fault, -ret, "memory-unreadable", "process %d: shared memory %s: %s",
			  c->process->virtual_pid, path, strerror(-ret));
	return ret;
}

/* ---- restore ---- */

static int fill_mapped(void *context, uint64_t offset, const void *data, uint64_t bytes)
{
	memcpy((uint8_t *)context + offset, data, bytes);
	return 0;
}

/* hugetlbfs has no write(2) */
static int fill_huge(struct rebuilt_process *p, const struct mapped_file_view *v, int fd)
{
	void *data = mmap(NULL, v->r.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	int ret = 0;

	if (data == MAP_FAILED)
		return fault_set(p->fault, errno, "out-of-memory",
				 "%" PRIu64 " bytes of huge pages: %s", v->r.bytes,
				 strerror(errno));
	for (size_t i = 0; i < p->rebuild->image_count && ret >= 0; i++)
		ret = image_reader_content(p->rebuild->images[i], v->r.id, 0, v->r.bytes,
					   p->rebuild->workers, fill_mapped, data, p->fault);
	munmap(data, v->r.bytes);
	return ret;
}

static void memory_name(const struct mapped_file_view *v, char *name, size_t capacity)
{
	const char *from = v->path, *slash;
	size_t length;

	if (!strncmp(from, "/memfd:", 7)) {
		from += 7;
	} else if ((slash = strrchr(from, '/'))) {
		from = slash + 1;
	}
	length = strlen(from);
	if (length > strlen(DELETED) && !strcmp(from + length - strlen(DELETED), DELETED))
		length -= strlen(DELETED);
	if (length >= capacity)
		length = capacity - 1;
	memcpy(name, from, length);
	name[length] = 0;
}

static int create_memory(struct rebuilt_process *p, const struct mapped_file_view *v)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	bool huge = v->r.flags & MAPPED_HUGETLB;
	char name[200]; /* memfd_create(2): at most 249 bytes */
	int fd, ret;

	if (huge)
		flags |= MFD_HUGETLB | v->r.page_shift << MAP_HUGE_SHIFT;
	memory_name(v, name, sizeof(name));
	fd = memfd_create(name, flags);
	if (fd < 0 || ftruncate(fd, (off_t)v->r.bytes)) {
		ret = fault_set(p->fault, errno, "out-of-memory",
				"shared memory \"%s\" of %" PRIu64 " bytes: %s", v->path,
				v->r.bytes, strerror(errno));
		if (fd >= 0)
			close(fd);
		return ret;
	}
	fchmod(fd, v->r.mode & 07777);
	ret = huge ? fill_huge(p, v, fd) :
		     rebuild_content(p->rebuild, v->r.id, v->r.bytes, fd, p->fault);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	return rebuild_remember(p->rebuild, v->r.id, fd, p->fault);
}

int shared_memory_restore(struct rebuilt_process *p, const struct mapped_file_view *v)
{
	int fd = rebuild_lookup(p->rebuild, v->r.id), reading;
	struct stat status;
	int ret = 0;

	if (fd < 0) {
		ret = create_memory(p, v);
		if (ret < 0)
			return ret;
		fd = rebuild_lookup(p->rebuild, v->r.id);
	} else if (!fstat(fd, &status) && (uint64_t)status.st_size < v->r.bytes) {
		/* the process before this one had mapped less of it */
		if (ftruncate(fd, (off_t)v->r.bytes))
			return fault_set(p->fault, errno, "out-of-memory", "%s: %s", v->path,
					 strerror(errno));
		ret = rebuild_content(p->rebuild, v->r.id, v->r.bytes, fd, p->fault);
		if (ret < 0)
			return ret;
	}
	if (!(v->r.flags & MAPPED_WANTS_READ) ||
	    rebuild_lookup(p->rebuild, v->r.id ^ KEY_READ) >= 0)
		return 0;
	reading = file_reopen(fd, O_RDONLY);
	if (reading < 0)
		return 0; /* then the mapping may be made writable later: no harm */
	return rebuild_remember(p->rebuild, v->r.id ^ KEY_READ, reading, p->fault);
}

int shared_memory_restore_last(struct rebuilt_process *p)
{
	const struct record *record = NULL;
	struct mapped_file_view v;
	int fd, ret;

	while ((record = record_find(p->records, RECORD_MAPPED_FILE, record))) {
		ret = mapped_file_view(record, &v, p->fault);
		if (ret < 0)
			return ret;
		fd = rebuild_lookup(p->rebuild, v.r.id);
		if (v.r.kind != MAPPED_MEMORY || !(v.r.flags & MAPPED_SEALS_KNOWN) || fd < 0)
			continue;
		/* EPERM: another process of the set has sealed it already */
		if (fcntl(fd, F_ADD_SEALS, v.r.seals) && errno != EPERM)
			return fault_set(p->fault, errno, "restore-content", "seals of %s: %s",
					 v.path, strerror(errno));
	}
	return 0;
}

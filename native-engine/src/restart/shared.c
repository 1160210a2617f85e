#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "rebuild.h"

/* Open addressing; never more than half full; id 0 marks a free slot. */
struct shared_table {
	struct {
		uint64_t id;
		int fd;
	} *slots;
	size_t capacity, count; /* capacity: a power of two */
};

static size_t slot_of(const struct shared_table *t, uint64_t id)
{
	size_t n = (id * 0x9e3779b97f4a7c15u) >> 20 & (t->capacity - 1);

	while (t->slots[n].id && t->slots[n].id != id)
		n = (n + 1) & (t->capacity - 1);
	return n;
}

static int grow(struct shared_table *t)
{
	struct shared_table bigger = { .capacity = t->capacity ? t->capacity * 2 : 256 };

	bigger.slots = calloc(bigger.capacity, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t n = 0; n < t->capacity; n++)
		if (t->slots[n].id)
			bigger.slots[slot_of(&bigger, t->slots[n].id)] = t->slots[n];
	bigger.count = t->count;
	free(t->slots);
	*t = bigger;
	return 0;
}

int rebuild_lookup(struct rebuild *r, uint64_t id)
{
	size_t slot;

	if (!id || !r->objects || !r->objects->count)
		return -1;
	slot = slot_of(r->objects, id);
	return r->objects->slots[slot].id == id ? r->objects->slots[slot].fd : -1;
}

/* @fd is where it is to stay. */
static int enter(struct rebuild *r, uint64_t id, int fd)
{
	struct shared_table *t = r->objects;
	size_t slot;

	if (!t)
		t = r->objects = calloc(1, sizeof(*t));
	if (!t || (t->count * 2 >= t->capacity && grow(t)))
		return -ENOMEM;
	slot = slot_of(t, id);
	if (t->slots[slot].id)
		close(t->slots[slot].fd);
	else
		t->count++;
	t->slots[slot].id = id;
	t->slots[slot].fd = fd;
	return 0;
}

static int refuse(struct rebuild *r, int fd, int error, struct fault *fault)
{
	close(fd);
	return fault_set(fault, error, "out-of-memory",
			 "cannot keep more descriptors at %d and above: %s (limit of open files?)",
			 r->reserved_from, strerror(error));
}

int rebuild_remember(struct rebuild *r, uint64_t id, int fd, struct fault *fault)
{
	int high = fd, ret;

	if (fd < r->reserved_from || fd >= r->reserved_to) {
		high = fcntl(fd, F_DUPFD_CLOEXEC, r->reserved_from);
		if (high < 0)
			return refuse(r, fd, errno, fault);
		close(fd);
	}
	ret = enter(r, id, high);
	return ret ? refuse(r, high, -ret, fault) : 0;
}

int rebuild_remember_at(struct rebuild *r, uint64_t id, int fd, int number, struct fault *fault)
{
	int ret;

	if (fd != number) {
		if (dup3(fd, number, O_CLOEXEC) < 0)
			return refuse(r, fd, errno, fault);
		close(fd);
	}
	ret = enter(r, id, number);
	return ret ? refuse(r, number, -ret, fault) : 0;
}

static int compare_fds(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

void rebuild_close_objects(struct rebuild *r)
{
	struct shared_table *t = r->objects;
	size_t count = 0, end;
	int *fds;

	if (!t)
		return;
	fds = malloc((t->count + 1) * sizeof(*fds));
	for (size_t n = 0; n < t->capacity; n++) {
		if (!t->slots[n].id)
			continue;
		if (fds)
			fds[count++] = t->slots[n].fd;
		else
			close(t->slots[n].fd);
	}
	if (fds) {
		/* One call per run of neighbours: thousands of them lie side by side. */
		qsort(fds, count, sizeof(*fds), compare_fds);
		for (size_t start = 0; start < count; start = end) {
			for (end = start + 1; end < count && fds[end] == fds[end - 1] + 1; end++)
				;
			if (syscall(SYS_close_range, fds[start], fds[end - 1], 0))
				for (size_t n = start; n < end; n++)
					close(fds[n]);
		}
	}
	free(fds);
	free(t->slots);
	free(t);
	r->objects = NULL;
}

/* First run of @object in the image's sorted index, or NULL. */
static const struct image_run *first_run(const struct image_reader *image, uint64_t object)
{
	size_t low = 0, high = image->header.run_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (image->runs[middle].object < object)
			low = middle + 1;
		else
			high = middle;
	}
	return low < image->header.run_count && image->runs[low].object == object ?
		       &image->runs[low] : NULL;
}

static int write_all(void *context, uint64_t offset, const void *data, uint64_t bytes)
{
	const uint8_t *next = data;

	while (bytes) {
		ssize_t n = pwrite(*(int *)context, next, bytes, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		next += n;
		offset += n;
		bytes -= n;
	}
	return 0;
}

static int copy_to_memory(void *context, uint64_t offset, const void *data, uint64_t bytes)
{
	memcpy((uint8_t *)context + offset, data, bytes);
	return 0;
}

static int read_content(struct rebuild *r, uint64_t object, uint64_t bytes, image_sink sink,
			void *context, struct fault *fault)
{
	int ret = 0;

	for (size_t n = 0; n < r->image_count && ret >= 0; n++)
		if (first_run(r->images[n], object))
			ret = image_reader_content(r->images[n], object, 0, bytes, r->workers, sink,
						   context, fault);
	return ret;
}

int rebuild_content(struct rebuild *r, uint64_t object, uint64_t bytes, int fd,
		    struct fault *fault)
{
	struct statfs fs;
	void *memory;
	int ret;

	if (!bytes || fstatfs(fd, &fs) || fs.f_type != HUGETLBFS_MAGIC)
		return read_content(r, object, bytes, write_all, &fd, fault);
	/* hugetlbfs has no write(2) */
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return fault_set(fault, errno, "out-of-memory", "%llu bytes of huge pages: %s",
				 (unsigned long long)bytes, strerror(errno));
	ret = read_content(r, object, bytes, copy_to_memory, memory, fault);
	munmap(memory, bytes);
	return ret;
}

struct terminal_table {
	size_t count;
	struct {
		uint32_t device;
		int fd;
	} terminals[];
};

int rebuild_remember_terminal(struct rebuild *r, uint32_t device, int slave_fd,
			      struct fault *fault)
{
	size_t count = r->terminals ? r->terminals->count : 0;
	struct terminal_table *t;

	t = realloc(r->terminals, sizeof(*t) + (count + 1) * sizeof(t->terminals[0]));
	if (!t)
		return fault_set(fault, ENOMEM, "out-of-memory", "table of terminals");
	t->terminals[count].device = device;
	t->terminals[count].fd = slave_fd;
	t->count = count + 1;
	r->terminals = t;
	return 0;
}

int rebuild_terminal(const struct rebuild *r, uint32_t device)
{
	for (size_t i = 0; r->terminals && i < r->terminals->count; i++)
		if (r->terminals->terminals[i].device == device)
			return r->terminals->terminals[i].fd;
	return r->terminal_slave_fd;
}

int rebuild_add_leftover(struct rebuild *r, const char *path)
{
	char **more = realloc(r->leftovers, (r->leftover_count + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	r->leftovers = more;
	more[r->leftover_count] = strdup(path);
	if (!more[r->leftover_count])
		return -ENOMEM;
	r->leftover_count++;
	return 0;
}

void rebuild_remove_leftovers(struct rebuild *r)
{
	for (size_t n = r->leftover_count; n-- > 0;) { /* a directory after what is in it */
		remove(r->leftovers[n]);
		free(r->leftovers[n]);
	}
	free(r->leftovers);
	r->leftovers = NULL;
	r->leftover_count = 0;
}

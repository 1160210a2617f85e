#include "file_index.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "../common/array.h"
#include "../resource/records.h"

#define MOST_SELECTIONS 4

struct file_index {
	struct indexed {
		uint64_t id;
		size_t order; /* of the record among all images: the first counts */
		const struct record *record;
		int number; /* at which some process has it; only where it is crowded */
	} *files; /* ascending by id */
	size_t count;
	bool crowded; /* twice the descriptors would be too many for the limit of open files */
	/* the file that is at a number in every process that uses it; 0: none */
	uint64_t *at_number;
	size_t numbers;
	struct selection {
		uint32_t kind; /* 0: free */
		struct file_view *files;
		size_t count;
	} selections[MOST_SELECTIONS];
};

/* Below, the kernel puts what is opened for a moment. */
#define LOWEST_FINAL 256
#define ROOM 256 /* for other descriptors of the builder */

static struct file_index *index_of(struct rebuild *r);

static const struct file_kind_ops *kind_numbered(uint32_t kind)
{
	for (size_t n = 0; descriptor_table[n]; n++)
		if (descriptor_table[n]->kind == kind)
			return descriptor_table[n];
	return NULL;
}

void file_view_read(const struct record *record, struct file_view *file)
{
	record_head(record, &file->head, sizeof(file->head));
	file->payload = record_tail(record, sizeof(file->head), &file->bytes);
	file->kind = kind_numbered(file->head.kind);
}

static int compare_files(const void *a, const void *b)
{
	const struct indexed *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static size_t count_files(const struct rebuild *r)
{
	size_t count = 0;

	for (size_t n = 0; n < r->image_count; n++) {
		const struct record *record = NULL;

		while ((record = record_find(&r->images[n]->records, RECORD_FILE, record)))
			count++;
	}
	return count;
}

/* The first record of the file with this id. */
static struct indexed *search(const struct file_index *i, uint64_t id)
{
	size_t low = 0, high = i->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (i->files[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < i->count && i->files[low].id == id ? &i->files[low] : NULL;
}

size_t file_index_room(size_t files)
{
	return 2 * files + ROOM;
}

/* Which numbers belong to one file alone, if that has to be known. */
static void map_numbers(struct rebuild *r, struct file_index *i)
{
	struct rlimit limit;

	i->numbers = r->reserved_from;
	i->crowded = r->reserved_to == INT_MAX && !getrlimit(RLIMIT_NOFILE, &limit) &&
		     i->numbers + file_index_room(i->count) > limit.rlim_cur;
	i->at_number = i->crowded ? calloc(i->numbers + 1, sizeof(*i->at_number)) : NULL;
	for (size_t n = 0; i->at_number && n < r->image_count; n++) {
		const struct record *record = NULL;

		while ((record = record_find(&r->images[n]->records, RECORD_DESCRIPTOR, record))) {
			struct descriptor_record d;
			struct indexed *f;
			uint64_t *at;

			record_head(record, &d, sizeof(d));
			if (d.number < 0 || (size_t)d.number >= i->numbers)
				continue;
			at = &i->at_number[d.number];
			*at = *at && *at != d.file_id ? UINT64_MAX : d.file_id;
			f = search(i, d.file_id);
			if (f && f->number < LOWEST_FINAL)
				f->number = d.number;
		}
	}
}

/* Where a file can stay for good: no process has another one there. -1: nowhere. */
static int final_number(const struct file_index *i, uint64_t id)
{
	const struct indexed *f = search(i, id);

	return f && f->number >= LOWEST_FINAL && i->at_number[f->number] == id ? f->number : -1;
}

int file_index_remember(struct rebuild *r, uint64_t id, int fd, struct fault *fault)
{
	struct file_index *i = index_of(r);
	int number = i && i->at_number ? final_number(i, id) : -1;

	if (number >= 0 && (number == fd || fcntl(number, F_GETFD) < 0))
		return rebuild_remember_at(r, id, fd, number, fault);
	return rebuild_remember(r, id, fd, fault);
}

static struct file_index *index_of(struct rebuild *r)
{
	struct file_index *i = r->files;

	if (i)
		return i;
	i = calloc(1, sizeof(*i));
	if (i)
		i->files = calloc(count_files(r) + 1, sizeof(*i->files));
	if (!i || !i->files) {
		free(i);
		return NULL;
	}
	for (size_t n = 0; n < r->image_count; n++) {
		const struct record *record = NULL;

		while ((record = record_find(&r->images[n]->records, RECORD_FILE, record))) {
			struct indexed *f = &i->files[i->count];

			record_head(record, &f->id, sizeof(f->id));
			f->order = i->count++;
			f->record = record;
		}
	}
	qsort(i->files, i->count, sizeof(*i->files), compare_files);
	r->files = i;
	map_numbers(r, i);
	return i;
}

static const struct indexed *first_of(struct rebuild *r, uint64_t id)
{
	struct file_index *i = index_of(r);

	return i ? search(i, id) : NULL;
}

bool file_index_find(struct rebuild *r, uint64_t id, struct file_view *file)
{
	const struct indexed *f = id ? first_of(r, id) : NULL;

	if (f)
		file_view_read(f->record, file);
	return f;
}

bool file_index_is_first(struct rebuild *r, const struct record *record)
{
	const struct indexed *f;
	uint64_t id;

	record_head(record, &id, sizeof(id));
	f = first_of(r, id);
	return f && f->record == record;
}

bool file_index_next(struct rebuild *r, uint32_t kind, size_t *position, struct file_view *file)
{
	struct file_index *i = index_of(r);

	while (i && *position < i->count) {
		size_t n = (*position)++;

		if (n && i->files[n].id == i->files[n - 1].id)
			continue;
		file_view_read(i->files[n].record, file);
		if (file->head.kind == kind)
			return true;
	}
	return false;
}

static void select_files(struct rebuild *r, struct selection *s,
			 bool (*selects)(const struct file_view *file))
{
	size_t position = 0, capacity = 0;
	struct file_view f, *more;

	while (file_index_next(r, s->kind, &position, &f)) {
		if (!selects(&f))
			continue;
		more = array_grow(s->files, s->count, &capacity, sizeof(*more));
		if (!more)
			return; /* the rest is then made as if it had no listener */
		s->files = more;
		s->files[s->count++] = f;
	}
}

const struct file_view *file_index_select(struct rebuild *r, uint32_t kind,
					  bool (*selects)(const struct file_view *file),
					  size_t *count)
{
	struct file_index *i = index_of(r);

	*count = 0;
	for (size_t n = 0; i && n < MOST_SELECTIONS; n++) {
		struct selection *s = &i->selections[n];

		if (s->kind && s->kind != kind)
			continue;
		if (!s->kind) {
			s->kind = kind;
			select_files(r, s, selects);
		}
		*count = s->count;
		return s->files;
	}
	return NULL;
}

int file_index_open(struct rebuilt_process *p, uint64_t id)
{
	int fd = rebuild_lookup(p->rebuild, id), ret;
	struct file_view f;

	if (fd >= 0)
		return fd;
	if (!file_index_find(p->rebuild, id, &f))
		return -ENOENT;
	if (!f.kind || !f.kind->restore)
		return fault_set(p->fault, EPROTO, "image-newer-version",
				 "%s: descriptor of unknown kind %u", p->image->path, f.head.kind);
	ret = f.kind->restore(p, &f.head, f.payload, f.bytes, &fd);
	if (!ret && fd < 0)
		ret = -EBADF;
	if (ret)
		return fault_set(p->fault, -ret, "internal",
				 "%s of process %d cannot be opened again: %s", f.kind->name,
				 p->image->header.virtual_pid, strerror(-ret));
	if (f.head.owner_signal)
		fcntl(fd, F_SETSIG, f.head.owner_signal);
	ret = file_index_remember(p->rebuild, id, fd, p->fault);
	return ret ? ret : rebuild_lookup(p->rebuild, id);
}

void file_index_free(struct rebuild *r)
{
	if (r->files) {
		for (size_t n = 0; n < MOST_SELECTIONS; n++)
			free(r->files->selections[n].files);
		free(r->files->at_number);
		free(r->files->files);
	}
	free(r->files);
	r->files = NULL;
}

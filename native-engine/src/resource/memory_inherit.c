/* The builder's side of memory that processes inherit, and what one process keeps of it. */
#include "memory_inherit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../common/array.h"
#include "../restart/rebuild.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

#define NO_OVERCOMMIT '2'   /* vm.overcommit_memory */
#define WINDOW_BYTES 262144 /* compared at a time before anything is filled */
#define WINDOWS 4
#define EQUAL_SHARE 8       /* one of so many pages is enough */
#define STACK_ROOM (64u << 20) /* more of it than we ever use, where the limit allows that */
#define STACK_GUARD (1u << 20) /* stack_guard_gap of the kernel, 256 pages */

/* Every process that passes it on would count: memory that the program did not ask for. */
static bool memory_is_counted(void)
{
	char setting = '0';
	int fd = open("/proc/sys/vm/overcommit_memory", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (read(fd, &setting, 1) != 1)
			setting = '0';
		close(fd);
	}
	return setting == NO_OVERCOMMIT;
}

/* ---- is it worth it: processes without a common past may use the same addresses ---- */

struct window {
	uint64_t start;
	uint8_t *data, *present;
};

static int read_window(void *context, uint64_t offset, const void *data, uint64_t bytes)
{
	struct window *w = context;
	uint64_t at = offset - w->start;

	memcpy(w->data + at, data, bytes);
	for (uint64_t i = at / PAGE_BYTES; i * PAGE_BYTES < at + bytes; i++)
		w->present[i] = 1;
	return 0;
}

static int compare_window(struct rebuild *r, const struct inherited_piece *p, uint64_t start,
			  uint8_t *space, size_t *compared, size_t *equal)
{
	const size_t pages = WINDOW_BYTES / PAGE_BYTES;
	uint64_t bytes = p->end - start < WINDOW_BYTES ? p->end - start : WINDOW_BYTES;
	struct window source = { start, space, space + 2 * WINDOW_BYTES };
	struct window other = { start, space + WINDOW_BYTES, source.present + pages };
	int ret;

	memset(source.present, 0, 2 * pages);
	ret = image_reader_content(r->images[p->source], 0, start, bytes, 1, read_window, &source,
				   NULL);
	if (ret >= 0)
		ret = image_reader_content(r->images[p->other], 0, start, bytes, 1, read_window,
					   &other, NULL);
	for (size_t i = 0; i < pages && ret >= 0; i++) {
		if (!source.present[i] || !other.present[i])
			continue;
		++*compared;
		*equal += !memcmp(source.data + i * PAGE_BYTES, other.data + i * PAGE_BYTES,
				  PAGE_BYTES);
	}
	return ret;
}

/* Looks at some places, spread over the pieces [@from, @to). */
static bool is_worth_it(struct rebuild *r, const struct inherited *in, size_t from, size_t to)
{
	uint8_t *space = malloc(2 * WINDOW_BYTES + 2 * WINDOW_BYTES / PAGE_BYTES);
	uint64_t total = 0, at = 0;
	size_t compared = 0, equal = 0, window = 0;
	int ret = space ? 0 : -ENOMEM;

	for (size_t i = from; i < to; i++)
		total += in->pieces[i].end - in->pieces[i].start;
	for (size_t i = from; i < to && ret >= 0; i++) {
		const struct inherited_piece *p = &in->pieces[i];
		uint64_t bytes = p->end - p->start;

		for (; window < WINDOWS && ret >= 0; window++) {
			uint64_t place = total / WINDOWS * window / PAGE_BYTES * PAGE_BYTES;

			if (place >= at + bytes)
				break;
			ret = compare_window(r, p, p->start + (place > at ? place - at : 0), space,
					     &compared, &equal);
		}
		at += bytes;
	}
	free(space);
	return ret >= 0 && equal && equal * EQUAL_SHARE >= compared;
}

/* ---- filling ---- */

struct fill {
	const struct inherited *in;
	uint32_t source;
	size_t from, to; /* pieces */
};

static size_t piece_at(const struct inherited_piece *pieces, size_t count, uint64_t address)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (pieces[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* From several threads at once: into our own memory, at the addresses of the image. */
static int place(void *context, uint64_t address, const void *data, uint64_t bytes)
{
	const struct fill *f = context;
	const struct inherited_piece *pieces = f->in->pieces;

	for (size_t i = piece_at(pieces, f->to, address);
	     i < f->to && pieces[i].start < address + bytes; i++) {
		uint64_t from = pieces[i].start > address ? pieces[i].start : address;
		uint64_t end = pieces[i].end < address + bytes ? pieces[i].end : address + bytes;

		if (pieces[i].source != f->source)
			continue;
		/* cheaper than a fault for each page; where it is not known they come */
		madvise((void *)from, end - from, MADV_POPULATE_WRITE);
		memcpy((void *)from, (const uint8_t *)data + (from - address), end - from);
	}
	return 0;
}

/* The pieces of one area, source by source. */
static int fill_area(struct rebuild *r, const struct inherited *in, size_t from, size_t to)
{
	bool *done = calloc(in->image_count, sizeof(*done));
	int ret = done ? 0 : -ENOMEM;

	for (size_t i = from; i < to && ret >= 0; i++) {
		struct fill f = { in, in->pieces[i].source, from, to };
		size_t last = i;

		if (done[f.source])
			continue;
		done[f.source] = true;
		for (size_t k = i; k < to; k++)
			if (in->pieces[k].source == f.source)
				last = k;
		ret = image_reader_content(r->images[f.source], 0, in->pieces[i].start,
					   in->pieces[last].end - in->pieces[i].start, r->workers,
					   place, &f, NULL);
	}
	free(done);
	return ret;
}

/* Our stack must be able to grow: what lies right below it would end it with SIGSEGV. */
static bool is_below_stack(const struct inherited_area *a)
{
	uint64_t stack = (uintptr_t)__builtin_frame_address(0), room = STACK_ROOM;
	struct rlimit limit;

	if (!getrlimit(RLIMIT_STACK, &limit) && limit.rlim_cur < room)
		room = limit.rlim_cur;
	room += STACK_GUARD;
	return a->start < stack && a->end > stack - room;
}

/* False: the place is taken by what the builder needs itself. */
static bool map_area(const struct inherited_area *a)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
	void *got;

	if (is_below_stack(a))
		return false;
	got = mmap((void *)a->start, a->end - a->start, PROT_READ | PROT_WRITE,
		   flags | (a->no_reserve ? MAP_NORESERVE : 0), -1, 0);
	if (got != MAP_FAILED && got != (void *)a->start) /* before 4.17 it is a hint */
		munmap(got, a->end - a->start);
	if (got != (void *)a->start)
		return false;
	if (a->huge)
		madvise(got, a->end - a->start, MADV_HUGEPAGE);
	return true;
}

/* Keeps of all areas those that @make succeeds with; its pieces are [@from, @to). */
static void keep_areas(struct rebuild *r, struct inherited *in,
		       bool (*make)(struct rebuild *r, struct inherited *in, size_t area,
				    size_t from, size_t to))
{
	size_t areas = 0, pieces = 0, from = 0;

	for (size_t a = 0, to; a < in->area_count; a++, from = to) {
		struct inherited_area area = in->areas[a];

		for (to = from; to < in->piece_count && in->pieces[to].area == a; to++)
			;
		if (!make(r, in, a, from, to)) {
			free(area.wanted);
			continue;
		}
		for (size_t i = from; i < to; i++) {
			in->pieces[pieces] = in->pieces[i];
			in->pieces[pieces++].area = areas;
		}
		in->areas[areas++] = area;
	}
	in->area_count = areas;
	in->piece_count = pieces;
}

static bool reserve(struct rebuild *r, struct inherited *in, size_t area, size_t from, size_t to)
{
	(void)r;
	(void)from;
	(void)to;
	return map_area(&in->areas[area]);
}

static bool fill_or_unmap(struct rebuild *r, struct inherited *in, size_t area, size_t from,
			  size_t to)
{
	const struct inherited_area *a = &in->areas[area];
	bool made = is_worth_it(r, in, from, to) && fill_area(r, in, from, to) >= 0;

	if (!made)
		munmap((void *)a->start, a->end - a->start);
	return made;
}

struct inherited *memory_inherit_reserve(struct rebuild *r, const uint32_t *order, size_t count,
					 bool *all)
{
	struct inherited *in;
	size_t found;

	*all = true;
	if (count < 2 || memory_is_counted())
		return NULL;
	in = calloc(1, sizeof(*in));
	if (!in)
		return NULL;
	in->image_count = r->image_count;
	if (memory_common_find(in, r, order, count) < 0) {
		for (size_t i = 0; i < in->area_count; i++)
			free(in->areas[i].wanted);
		in->area_count = 0;
	}
	found = in->area_count;
	keep_areas(r, in, reserve);
	*all = in->area_count == found;
	if (in->area_count)
		return in;
	memory_inherit_release(in);
	return NULL;
}

void memory_inherit_fill(struct rebuild *r, struct inherited *in)
{
	keep_areas(r, in, fill_or_unmap);
}

void memory_inherit_offer(const struct inherited *in, size_t area, bool offered)
{
	const struct inherited_area *a = &in->areas[area];

	madvise((void *)a->start, a->end - a->start, offered ? MADV_DOFORK : MADV_DONTFORK);
}

void memory_inherit_release(struct inherited *in)
{
	if (!in)
		return;
	for (size_t i = 0; i < in->area_count; i++) {
		munmap((void *)in->areas[i].start, in->areas[i].end - in->areas[i].start);
		free(in->areas[i].wanted);
		free(in->areas[i].heirs);
	}
	free(in->areas);
	free(in->pieces);
	free(in);
}

/* ---- one process ---- */

static int add_kept(struct kept *k, size_t *capacity, struct inherited_piece piece)
{
	struct inherited_piece *grown = array_grow(k->pieces, k->count, capacity, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	k->pieces = grown;
	grown[k->count++] = piece;
	return 0;
}

/* Mappings, areas and pieces all ascend. */
int memory_kept_find(struct kept *k, const struct rebuilt_process *p,
		     const struct memory_table *table)
{
	const struct inherited *in = p->rebuild->inherited;
	size_t a = 0, capacity = 0;
	int ret = 0;

	*k = (struct kept){ 0 };
	while (in && k->image < in->image_count && p->rebuild->images[k->image] != p->image)
		k->image++;
	if (!in || k->image == in->image_count)
		return 0;
	k->mappings = calloc(table->count ? table->count : 1, sizeof(*k->mappings));
	if (!k->mappings)
		return -ENOMEM;
	for (size_t i = 0; i < table->count && ret >= 0; i++) {
		const struct vma_record *v = &table->vmas[i];
		const struct inherited_area *area;

		while (a < in->area_count && in->areas[a].end <= v->start)
			a++;
		if (a == in->area_count)
			break;
		area = &in->areas[a];
		if (!area->wanted[k->image] || v->start < area->start || v->end > area->end ||
		    !memory_common_suits(v) || area->no_reserve != !!(v->flags & VMA_NO_RESERVE))
			continue;
		k->mappings[i] = true;
		for (size_t n = piece_at(in->pieces, in->piece_count, v->start);
		     n < in->piece_count && in->pieces[n].start < v->end && ret >= 0; n++) {
			struct inherited_piece piece = in->pieces[n];

			if (piece.start < v->start)
				piece.start = v->start;
			if (piece.end > v->end)
				piece.end = v->end;
			ret = add_kept(k, &capacity, piece);
		}
	}
	return ret;
}

void memory_kept_free(struct kept *k)
{
	free(k->mappings);
	free(k->pieces);
	*k = (struct kept){ 0 };
}

size_t memory_kept_at(const struct kept *k, uint64_t address)
{
	return piece_at(k->pieces, k->count, address);
}

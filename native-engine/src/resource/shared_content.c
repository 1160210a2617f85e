/*
 * Content of shared memory that no descriptor leads to, read through the mappings of the members.
 *
 * The page tables of a process do not tell which pages of it exist (a page that another process
 * wrote does not show), and reading a hole allocates it (engine-facts 9.4): so mincore(2) is asked
 * inside the process. What one member has shown is not read again through another.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../engine/round.h"
#include "memory.h"

/* What is known of one object in this round. */
struct known {
	uint64_t id;
	struct file_range *ranges; /* read; ascending, apart from each other */
	size_t count, capacity;
	uint64_t end;       /* of the file, as far as seen */
	uint64_t looked_to; /* the end was looked for up to here */
};

struct memory_round {
	struct known *objects;
	size_t count, capacity;
};

void shared_content_free(struct round *r)
{
	struct memory_round *m = r->memory;

	if (!m)
		return;
	for (size_t i = 0; i < m->count; i++)
		free(m->objects[i].ranges);
	free(m->objects);
	free(m);
	r->memory = NULL;
}

static struct known *known_object(struct round *r, uint64_t id)
{
	struct memory_round *m = r->memory;
	struct known *grown;

	if (!m)
		m = r->memory = calloc(1, sizeof(*m));
	if (!m)
		return NULL;
	for (size_t i = 0; i < m->count; i++)
		if (m->objects[i].id == id)
			return &m->objects[i];
	if (m->count == m->capacity) {
		grown = realloc(m->objects, (m->capacity * 2 + 8) * sizeof(*grown));
		if (!grown)
			return NULL;
		m->objects = grown;
		m->capacity = m->capacity * 2 + 8;
	}
	m->objects[m->count] = (struct known){ .id = id };
	return &m->objects[m->count++];
}

/* The first part of [@start, @end) that has not been read; false: there is none. */
static bool unread_part(const struct known *k, uint64_t start, uint64_t end,
			struct file_range *part)
{
	for (size_t i = 0; i < k->count && k->ranges[i].start < end; i++) {
		if (k->ranges[i].end <= start)
			continue;
		if (k->ranges[i].start > start) {
			*part = (struct file_range){ start, k->ranges[i].start };
			return true;
		}
		start = k->ranges[i].end;
	}
	*part = (struct file_range){ start, end };
	return start < end;
}

/* @part is none of the ranges yet, whole or in part. */
static int add_part(struct known *k, const struct file_range *part)
{
	size_t at = 0;

	while (at < k->count && k->ranges[at].end < part->start)
		at++;
	if (at < k->count && k->ranges[at].end == part->start) {
		k->ranges[at].end = part->end;
		if (at + 1 < k->count && k->ranges[at + 1].start == part->end) {
			k->ranges[at].end = k->ranges[at + 1].end;
			memmove(&k->ranges[at + 1], &k->ranges[at + 2],
				(--k->count - at - 1) * sizeof(*k->ranges));
		}
		return 0;
	}
	if (k->count == k->capacity) {
		struct file_range *grown =
			realloc(k->ranges, (k->capacity * 2 + 8) * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		k->ranges = grown;
		k->capacity = k->capacity * 2 + 8;
	}
	memmove(&k->ranges[at + 1], &k->ranges[at], (k->count++ - at) * sizeof(*k->ranges));
	k->ranges[at] = *part;
	return 0;
}

/*
 * The pages from @from to @to of @v that exist, asked inside the process; *@existing: the end of
 * the last one. -ENOTSUP: there is no thread to ask.
 */
static int read_resident(struct capture *c, uint64_t object, const struct live_vma *v,
			 uint64_t from, uint64_t to, uint64_t *existing)
{
	struct thread *t = memory_injectable_thread(c->process);
	uint64_t scratch, at = from, run = 0;
	uint8_t *present = malloc(SCRATCH_BYTES);
	bool in_run = false;
	int ret = -ENOTSUP;
	long result;

	if (!t || !present)
		goto out;
	ret = inject_begin(t, c->fault);
	if (ret < 0)
		goto out;
	ret = inject_scratch(t, &scratch, c->fault);
	while (ret >= 0 && at < to) {
		uint64_t pages = (to - at) / PAGE_BYTES;

		if (pages > SCRATCH_BYTES)
			pages = SCRATCH_BYTES;
		ret = inject_syscall(t, &result, SYS_mincore, at, pages * PAGE_BYTES, scratch, 0, 0,
				     0);
		if (ret >= 0 && result < 0)
			ret = (int)result;
		if (ret >= 0)
			ret = process_read(c->process, scratch, present, pages);
		for (uint64_t i = 0; ret >= 0 && i <= pages; i++) {
			bool here = i < pages && present[i] & 1;

			if (here && !in_run)
				run = at + i * PAGE_BYTES;
			if (!here && in_run)
				ret = image_writer_add_process_object(
					c->image, object, v->v.offset + (run - v->v.start),
					c->process->live_tid, c->process->mem_fd, run,
					at + i * PAGE_BYTES - run, true, c->fault);
			in_run = here;
			if (here)
				*existing = at + (i + 1) * PAGE_BYTES;
		}
		at += pages * PAGE_BYTES;
	}
	if (inject_end(t) < 0 && ret >= 0)
		ret = -ESRCH;
out:
	free(present);
	return ret;
}

/*
 * The end of the file as far as @v shows it: pages behind it cannot be read. The last page is
 * looked at first, then bisected, because reading a hole makes a page; up to @existing is known.
 */
static uint64_t find_end(struct capture *c, const struct live_vma *v, uint64_t existing)
{
	uint64_t low = existing, high = v->v.end, middle = high - PAGE_BYTES;
	uint8_t byte;

	while (low < high) {
		if (process_read(c->process, middle, &byte, 1) < 0)
			high = middle;
		else
			low = middle + PAGE_BYTES;
		middle = low + (high - low) / PAGE_BYTES / 2 * PAGE_BYTES;
	}
	return low;
}

/* The file's bytes from @from to @to, which @v shows. */
static int read_part(struct capture *c, const struct live_vma *v, struct known *k, uint64_t from,
		     uint64_t to)
{
	uint64_t base = v->v.start - v->v.offset, existing = base + from;
	int ret = -ENOTSUP;

	/* mincore(2) does not report pages that are swapped out, nor huge ones that another process has
	 * written: for those it looks into the page tables (mincore_hugetlb() in mm/mincore.c) */
	if (v->v.flags & VMA_SHARED && !v->swapped_bytes && !(v->v.flags & VMA_HUGETLB))
		ret = read_resident(c, k->id, v, base + from, base + to, &existing);
	if (ret == -ENOTSUP)
		ret = image_writer_add_process_object(c->image, k->id, from, c->process->live_tid,
						      c->process->mem_fd, base + from, to - from,
						      true, c->fault);
	if (ret >= 0 && existing > base + from && existing - base > k->end)
		k->end = existing - base;
	return ret;
}

static int read_mapping(struct capture *c, const struct live_vma *v, struct known *k)
{
	uint64_t start = v->v.offset, end = start + (v->v.end - v->v.start), existing;
	struct file_range part;
	int ret = 0;

	while (ret >= 0 && unread_part(k, start, end, &part)) {
		ret = read_part(c, v, k, part.start, part.end);
		if (ret >= 0)
			ret = add_part(k, &part);
		start = part.end;
	}
	if (end <= k->looked_to || ret < 0)
		return ret;
	k->looked_to = end;
	if (k->end >= end)
		return 0;
	existing = k->end > v->v.offset ? k->end - v->v.offset : 0;
	end = v->v.offset + (find_end(c, v, v->v.start + existing) - v->v.start);
	if (end > k->end)
		k->end = end;
	return 0;
}

int shared_memory_content(struct capture *c, struct mapped_file *f)
{
	struct known *k = known_object(c->round, f->r.id);
	int ret = k ? 0 : -ENOMEM;

	for (size_t i = 0; i < f->vma_count && ret >= 0; i++)
		ret = read_mapping(c, f->vmas[i], k);
	if (ret >= 0)
		f->r.bytes = k->end;
	return ret;
}

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "memory.h"

/* PAGEMAP_SCAN: linux/fs.h, Linux 6.7; the headers of older distributions lack it. */
struct page_region {
	uint64_t start, end, categories;
};
struct pm_scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
#define PAGEMAP_SCAN_REQUEST _IOWR('f', 16, struct pm_scan_arg)
#define SCAN_FILE (1 << 2)
#define SCAN_PRESENT (1 << 3)
#define SCAN_SWAPPED (1 << 4)
#define SCAN_PFNZERO (1 << 5)
#define SCAN_GUARD (1 << 8) /* Linux 6.15 */

#define REGIONS 8192

/* Bits of a pagemap entry: Documentation/admin-guide/mm/pagemap.rst */
#define ENTRY_PRESENT (1ull << 63)
#define ENTRY_SWAPPED (1ull << 62) /* guard markers have it too */
#define ENTRY_FILE (1ull << 61)
#define ENTRY_GUARD (1ull << 58)
#define ENTRIES 65536

/* What finds existing pages is told apart from what is done with them. */
struct page_walk {
	struct capture *capture;
	const struct live_memory *memory;
	enum which_pages which;
	pid_t pid; /* whose page tables are walked */
	size_t next; /* first mapping that may still meet a range: ranges ascend */
};

/* A snapshot, which is a fork, has its pages too. */
static bool is_forked(const struct live_vma *v)
{
	return !(v->v.flags & (VMA_DONT_FORK | VMA_WIPE_ON_FORK));
}

static bool is_wanted(const struct page_walk *w, const struct live_vma *v)
{
	return w->which == PAGES_ALL || is_forked(v) == (w->which == PAGES_FORKED);
}

static bool holds_private_data(const struct live_vma *v)
{
	/*
	 * The state of the vDSO's getrandom must not be the same in two restarts: engine-facts 9.1
	 */
	return v->special == SPECIAL_NONE && !(v->v.flags & (VMA_SHARED | VMA_DROPPABLE));
}

static int add_range(struct page_walk *w, uint64_t start, uint64_t end, bool guard)
{
	struct capture *c = w->capture;
	const struct live_memory *m = w->memory;
	int ret;

	while (w->next < m->count && m->vmas[w->next].v.end <= start)
		w->next++;
	for (size_t i = w->next; i < m->count && m->vmas[i].v.start < end; i++) {
		const struct live_vma *v = &m->vmas[i];
		uint64_t from = start > v->v.start ? start : v->v.start;
		uint64_t to = end < v->v.end ? end : v->v.end;

		if (!is_wanted(w, v))
			continue;
		if (guard && v->special == SPECIAL_NONE) {
			struct range_record g = { from, to };

			record_append(c->records, RECORD_GUARD, &g, sizeof(g), NULL, 0);
		} else if (!guard && holds_private_data(v)) {
			bool snapshot = w->pid == c->content_pid;

			if (!live_vma_is_anonymous(v)) {
				struct range_record own = { from, to };

				/* a copy that is all zero must not become the file's page */
				record_append(c->records, RECORD_COPIED, &own, sizeof(own),
					      NULL, 0);
			}
			/* markers that the kernel cannot tell from swap (6.13, 6.14) do not read */
			ret = image_writer_add_process(c->image, w->pid,
						       snapshot ? c->content_mem_fd :
								  c->process->mem_fd,
						       from, to - from, v->v.flags & VMA_GUARDED,
						       c->fault);
			if (ret < 0)
				return ret;
		}
	}
	return 0;
}

/*
 * One pass over [@start, @end). -ENOTTY: this kernel has no PAGEMAP_SCAN; -EINVAL: it does
 * not know a category that was asked for.
 */
static int scan(struct page_walk *w, int pagemap, uint64_t start, uint64_t end, bool guards)
{
	struct page_region *regions;
	struct pm_scan_arg a = {
		.size = sizeof(a),
		.start = start,
		.end = end,
		.vec_len = REGIONS,
		.category_anyof_mask = SCAN_PRESENT | SCAN_SWAPPED,
		.category_inverted = SCAN_FILE | SCAN_PFNZERO,
		.category_mask = SCAN_FILE | SCAN_PFNZERO,
		.return_mask = guards ? SCAN_GUARD : SCAN_FILE,
	};
	long found;
	int ret = 0;

	regions = malloc(REGIONS * sizeof(*regions));
	if (!regions)
		return -ENOMEM;
	a.vec = (uintptr_t)regions;
	while (a.start < end) {
		found = ioctl(pagemap, PAGEMAP_SCAN_REQUEST, &a);
		if (found < 0) {
			ret = -errno;
			break;
		}
		for (long i = 0; i < found && ret >= 0; i++)
			ret = add_range(w, regions[i].start, regions[i].end,
					regions[i].categories & SCAN_GUARD);
		if (ret < 0)
			break;
		/*
		 * Not by walk_end: past 512 regions it is that of an inner pass, before the end of
		 * the walk (fs/proc/task_mmu.c, do_pagemap_scan), and regions would come twice.
		 */
		if (found < REGIONS)
			break;
		a.start = regions[found - 1].end;
	}
	free(regions);
	return ret;
}

/* Before 6.7: entry by entry, but only where smaps has seen pages, and no further than those. */
static int walk_entries(struct page_walk *w, int pagemap, const struct live_vma *v,
			uint64_t *entries)
{
	uint64_t left = v->resident_bytes + v->swapped_bytes, run_start = 0;
	bool in_run = false, run_guard = false;
	uint64_t at = v->v.start;
	ssize_t got;
	int ret;

	/* guard markers count as neither, so they are looked for up to the end */
	while (at < v->v.end && (left || in_run || v->v.flags & VMA_GUARDED)) {
		uint64_t pages = (v->v.end - at) / PAGE_BYTES;

		if (pages > ENTRIES)
			pages = ENTRIES;
		got = pread(pagemap, entries, pages * 8, (off_t)(at / PAGE_BYTES * 8));
		if (got < 0)
			return -errno;
		if (got < 8)
			return -EPROTO;
		pages = (uint64_t)got / 8;
		for (uint64_t i = 0; i < pages; i++) {
			uint64_t e = entries[i], here = at + i * PAGE_BYTES;
			bool guard = e & ENTRY_GUARD;
			bool data = guard || (e & (ENTRY_PRESENT | ENTRY_SWAPPED) &&
					      !(e & ENTRY_FILE));

			if (e & (ENTRY_PRESENT | ENTRY_SWAPPED) && !guard && left)
				left -= left < PAGE_BYTES ? left : PAGE_BYTES;
			if (in_run && (!data || guard != run_guard)) {
				ret = add_range(w, run_start, here, run_guard);
				if (ret < 0)
					return ret;
				in_run = false;
			}
			if (data && !in_run) {
				in_run = true;
				run_start = here;
				run_guard = guard;
			}
		}
		at += pages * PAGE_BYTES;
	}
	return in_run ? add_range(w, run_start, at, run_guard) : 0;
}

static int walk_pagemap(struct page_walk *w, int pagemap)
{
	uint64_t *entries = malloc(ENTRIES * sizeof(*entries));
	int ret = 0;

	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < w->memory->count && ret >= 0; i++) {
		const struct live_vma *v = &w->memory->vmas[i];

		/*
		 * The zero page shows as any other page: the writer drops it. Shared mappings
		 * matter for their guard markers only, which kernels of this path do not have.
		 */
		if (is_wanted(w, v) && holds_private_data(v) &&
		    v->resident_bytes + v->swapped_bytes)
			ret = walk_entries(w, pagemap, v, entries);
	}
	free(entries);
	return ret;
}

static int walk_range(struct page_walk *w, int pagemap, uint64_t start, uint64_t end)
{
	int ret = scan(w, pagemap, start, end, true);

	if (ret == -EINVAL && !w->next)
		ret = scan(w, pagemap, start, end, false);
	return ret;
}

static int walk(struct page_walk *w, int pagemap)
{
	const struct live_memory *m = w->memory;
	int ret = 0;

	if (w->which == PAGES_NOT_FORKED) /* few: not worth a pass over everything */
		for (size_t i = 0; i < m->count && ret >= 0; i++)
			ret = is_forked(&m->vmas[i]) ? 0 :
			      walk_range(w, pagemap, m->vmas[i].v.start, m->vmas[i].v.end);
	else
		ret = walk_range(w, pagemap, 0, USER_END);
	if (ret == -ENOTTY || (ret == -EINVAL && !w->next))
		ret = walk_pagemap(w, pagemap);
	return ret;
}

int memory_capture_pages(struct capture *c, const struct live_memory *m, enum which_pages which)
{
	struct page_walk w = { .capture = c, .memory = m, .which = which };
	char path[64];
	int pagemap, ret;

	w.pid = which == PAGES_FORKED ? c->content_pid : c->process->live_tid;
	snprintf(path, sizeof(path), "/proc/%d/pagemap", w.pid);
	pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (pagemap < 0) {
		ret = -errno;
		return fault_set(c->fault, -ret, "not-allowed-to-trace", "%s: %s", path,
				 strerror(-ret));
	}
	ret = walk(&w, pagemap);
	close(pagemap);
	if (ret < 0)
		return fault_set(c->fault, -ret, "internal", "pages of process %d: %s", w.pid,
				 strerror(-ret));
	return 0;
}

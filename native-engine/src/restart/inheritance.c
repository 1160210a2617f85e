#include "inheritance.h"

#include <sched.h>
#include <stdlib.h>

#include "../resource/memory_inherit.h"

/* Page tables take 25 ms a GiB to copy (measured, Linux 6.18): ten times that on a busy host. */
#define COPIED_PER_MS (4ull << 20)
#define LONGEST_COPY_MS (3600u * 1000)

struct heir { /* an image whose process has memory of its own */
	uint32_t image;
	size_t children;
};

static int compare_heirs(const void *a, const void *b)
{
	const struct heir *x = a, *y = b;

	if (x->children != y->children)
		return x->children > y->children ? -1 : 1;
	return x->image < y->image ? -1 : 1;
}

bool inheritance_reserve(struct rebuild *r, const struct tree *t)
{
	struct heir *heirs = calloc(r->image_count, sizeof(*heirs));
	uint32_t *order = calloc(r->image_count, sizeof(*order));
	size_t count = 0;
	bool all = true;

	for (size_t i = 0; heirs && order && i < r->image_count; i++)
		heirs[i].image = i;
	for (size_t i = 0; heirs && order && i < r->image_count; i++)
		if (t->nodes[i].parent >= 0 && (size_t)t->nodes[i].parent < r->image_count)
			heirs[t->nodes[i].parent].children++;
	for (size_t i = 0; heirs && order && i < r->image_count; i++)
		if (!t->nodes[i].zombie && !(t->nodes[i].shares & CLONE_VM))
			heirs[count++] = heirs[i];
	if (count) {
		/* What a parent of many has is what most of them have. */
		qsort(heirs, count, sizeof(*heirs), compare_heirs);
		for (size_t i = 0; i < count; i++)
			order[i] = heirs[i].image;
		r->inherited = memory_inherit_reserve(r, order, count, &all);
	}
	free(heirs);
	free(order);
	return all;
}

/* Every node that wants @area, and those who pass it on to one. */
static void mark_heirs(struct inherited_area *area, const struct rebuild *r, const struct tree *t)
{
	area->heirs = calloc(t->count, sizeof(*area->heirs));
	for (size_t i = 0; area->heirs && i < r->image_count; i++)
		if (area->wanted[i])
			for (int n = i; n >= 0 && !area->heirs[n]; n = t->nodes[n].creator)
				area->heirs[n] = true;
}

void inheritance_fill(struct rebuild *r, const struct tree *t)
{
	if (!r->inherited)
		return;
	memory_inherit_fill(r, r->inherited);
	for (size_t a = 0; a < r->inherited->area_count; a++)
		mark_heirs(&r->inherited->areas[a], r, t);
}

static void offer(const struct rebuild *r, int index, bool offered)
{
	for (size_t a = 0; r->inherited && a < r->inherited->area_count; a++)
		if (r->inherited->areas[a].heirs && !r->inherited->areas[a].heirs[index])
			memory_inherit_offer(r->inherited, a, offered);
}

void inheritance_hold_back(const struct rebuild *r, int index)
{
	offer(r, index, false);
}

void inheritance_hand_out(const struct rebuild *r, int index)
{
	offer(r, index, true);
}

void inheritance_leave_out(struct rebuild *r, size_t image)
{
	for (size_t a = 0; r->inherited && a < r->inherited->area_count; a++)
		r->inherited->areas[a].wanted[image] = false;
}

uint32_t inheritance_copy_ms(const struct rebuild *r, const struct tree *t)
{
	uint64_t ms = 0;

	for (size_t a = 0; r->inherited && a < r->inherited->area_count; a++) {
		const struct inherited_area *area = &r->inherited->areas[a];
		uint64_t heirs = 0;

		for (size_t n = 0; n < t->count; n++)
			heirs += !area->heirs || area->heirs[n];
		ms += (area->end - area->start) / COPIED_PER_MS * heirs;
	}
	return ms < LONGEST_COPY_MS ? ms : LONGEST_COPY_MS;
}

void inheritance_release(struct rebuild *r)
{
	memory_inherit_release(r->inherited);
	r->inherited = NULL;
}

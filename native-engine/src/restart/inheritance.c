#include "inheritance.h"

#include <sched.h>
#include <stdlib.h>

#include "../resource/memory_inherit.h"

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

void inheritance_fill(struct rebuild *r)
{
	if (r->inherited)
		memory_inherit_fill(r, r->inherited);
}

/* Created by @creator, or by one that is. */
static bool descends(const struct tree *t, int node, int creator)
{
	while (node >= 0 && node != creator)
		node = t->nodes[node].creator;
	return node == creator;
}

static bool is_wanted(const struct rebuild *r, const struct tree *t, size_t area, int index)
{
	for (size_t i = 0; i < r->image_count; i++)
		if (r->inherited->areas[area].wanted[i] && descends(t, i, index))
			return true;
	return false;
}

static void offer(const struct rebuild *r, const struct tree *t, int index, bool offered)
{
	for (size_t a = 0; r->inherited && a < r->inherited->area_count; a++)
		if (!is_wanted(r, t, a, index))
			memory_inherit_offer(r->inherited, a, offered);
}

void inheritance_hold_back(const struct rebuild *r, const struct tree *t, int index)
{
	offer(r, t, index, false);
}

void inheritance_hand_out(const struct rebuild *r, const struct tree *t, int index)
{
	offer(r, t, index, true);
}

void inheritance_release(struct rebuild *r)
{
	memory_inherit_release(r->inherited);
	r->inherited = NULL;
}

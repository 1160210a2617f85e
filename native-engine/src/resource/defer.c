#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "resource.h"

struct deferred {
	struct deferred *next;
	int (*work)(struct capture *c, void *state);
	void (*release)(void *state);
	void *state;
};

static void take_first(struct deferred **list)
{
	struct deferred *first = *list;

	*list = first->next;
	if (first->release)
		first->release(first->state);
	free(first);
}

int capture_defer(struct capture *c, int (*work)(struct capture *c, void *state),
		  void (*release)(void *state), void *state)
{
	struct deferred **at, *d;
	int ret;

	d = c->deferred ? calloc(1, sizeof(*d)) : NULL;
	if (!d) {
		ret = work(c, state);
		if (release)
			release(state);
		return ret;
	}
	*d = (struct deferred){ .work = work, .release = release, .state = state };
	for (at = c->deferred; *at; at = &(*at)->next)
		;
	*at = d;
	return 0;
}

int capture_deferred(struct capture *c)
{
	while (*c->deferred) {
		int ret = (*c->deferred)->work(c, (*c->deferred)->state);

		if (ret < 0)
			return fault_set(c->fault, -ret, "internal", "%s", "deferred capture");
		take_first(c->deferred);
	}
	return c->records->failed ? fault_set(c->fault, ENOMEM, "out-of-memory",
					      "no memory for metadata") : 0;
}

void capture_deferred_free(struct deferred **list)
{
	while (*list)
		take_first(list);
}

void capture_unmap(struct capture *c, uint64_t start, uint64_t end, bool at_once)
{
	struct snapshot_unmap *last, one;

	if (!c->unmaps)
		return;
	last = c->unmaps->bytes ? (struct snapshot_unmap *)(c->unmaps->data + c->unmaps->bytes) - 1
				: NULL;
	if (last && last->end == start && last->at_once == at_once) {
		last->end = end;
		return;
	}
	memset(&one, 0, sizeof(one));
	one.start = start;
	one.end = end;
	one.at_once = at_once;
	buffer_append(c->unmaps, &one, sizeof(one));
}

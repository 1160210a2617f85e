#include "round.h"

#include <stdlib.h>

#include "run.h"

struct id_pair {
	pid_t real_id, virtual_id;
};

struct virtual_ids {
	size_t count;
	struct id_pair pairs[];
};

static int compare_pairs(const void *a, const void *b)
{
	const struct id_pair *x = a, *y = b;

	return x->real_id < y->real_id ? -1 : x->real_id > y->real_id;
}

/* Built on first use, when all are frozen: after that no id changes. */
static struct virtual_ids *ids_of(struct round *r)
{
	struct virtual_ids *ids;
	size_t count = 0;

	for (size_t i = 0; i < r->member_count; i++)
		count += 1 + r->members[i]->thread_count;
	ids = malloc(sizeof(*ids) + count * sizeof(ids->pairs[0]));
	if (!ids)
		return NULL;
	ids->count = 0;
	for (size_t i = 0; i < r->member_count; i++) {
		const struct process *p = r->members[i];

		ids->pairs[ids->count++] = (struct id_pair){ p->pid, p->virtual_pid };
		for (size_t k = 0; k < p->thread_count; k++)
			if (p->threads[k].tid != p->pid)
				ids->pairs[ids->count++] = (struct id_pair){
					p->threads[k].tid, p->threads[k].virtual_tid };
	}
	qsort(ids->pairs, ids->count, sizeof(ids->pairs[0]), compare_pairs);
	return ids;
}

pid_t round_virtual_pid(struct round *round, pid_t real_pid)
{
	struct id_pair key = { .real_id = real_pid }, *found;

	if (!round->ids)
		round->ids = ids_of(round);
	if (!round->ids)
		return 0;
	found = bsearch(&key, round->ids->pairs, round->ids->count, sizeof(key), compare_pairs);
	return found ? found->virtual_id : 0;
}

struct process *round_member(struct round *r, pid_t pid)
{
	for (size_t i = 0; i < r->member_count; i++)
		if (r->members[i]->pid == pid)
			return r->members[i];
	return NULL;
}

/*
 * Which pages several images could have in common: private memory at the same addresses. Decided by
 * mappings and runs alone; whether the bytes are equal is seen when they are read.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../common/array.h"
#include "../restart/rebuild.h"
#include "memory_inherit.h"

#define WORTH_BYTES (1u << 20) /* of a mapping, and of what is in common */

struct candidate { /* a mapping of one image */
	uint64_t start, end;
	uint32_t rank; /* place in the order */
	bool no_reserve, huge;
};

struct edge { /* one image's pages begin or end */
	uint64_t address;
	uint32_t rank;
};

struct search {
	struct inherited *in;
	struct rebuild *rebuild;
	const uint32_t *order;
	struct candidate *candidates;
	size_t candidate_count, candidate_capacity;
	struct edge *edges;
	size_t edge_count, edge_capacity;
	uint64_t *active; /* set of ranks */
	size_t words;
};

bool memory_common_suits(const struct vma_record *v)
{
	const uint32_t harmless = VMA_MAY_WRITE | VMA_ACCOUNTED | VMA_NO_RESERVE | VMA_DONT_DUMP |
				  VMA_HUGE_PAGE | VMA_NO_HUGE_PAGE | VMA_MERGEABLE |
				  VMA_SEQUENTIAL | VMA_RANDOM;

	return !v->file_id && !v->protection_key && !(v->flags & ~harmless) &&
	       v->protection == (PROT_READ | PROT_WRITE);
}

uint64_t memory_common_bytes(const struct image_reader *image, uint64_t start, uint64_t end,
			     uint64_t *next)
{
	uint64_t bytes = 0;

	for (; *next < image->header.run_count && !image->runs[*next].object; ++*next) {
		const struct image_run *run = &image->runs[*next];
		uint64_t run_end = run->offset + run->bytes;

		if (run->offset >= end)
			break;
		if (run_end > start)
			bytes += (run_end < end ? run_end : end) -
				 (run->offset > start ? run->offset : start);
		if (run_end > end)
			break; /* it goes on in the next range */
	}
	return bytes;
}

/* Where memory lies has been asked for: the builder's pages may lie elsewhere. */
static bool has_policy(const struct image_reader *image)
{
	return record_find(&image->records, RECORD_THREAD_POLICY, NULL) ||
	       record_find(&image->records, RECORD_RANGE_POLICY, NULL);
}

static int add_candidates(struct search *s, uint32_t rank)
{
	const struct image_reader *image = s->rebuild->images[s->order[rank]];
	struct memory_table table;
	uint64_t next = 0;
	int ret;

	if (image->header.raw_content_bytes < WORTH_BYTES || has_policy(image))
		return 0;
	ret = memory_table_read(&table, &image->records, NULL);
	for (size_t i = 0; ret >= 0 && i < table.count; i++) {
		const struct vma_record *v = &table.vmas[i];
		struct candidate *grown;

		if (memory_common_bytes(image, v->start, v->end, &next) < WORTH_BYTES ||
		    !memory_common_suits(v))
			continue;
		grown = array_grow(s->candidates, s->candidate_count, &s->candidate_capacity,
				   sizeof(*grown));
		if (!grown) {
			ret = -ENOMEM;
			break;
		}
		s->candidates = grown;
		grown[s->candidate_count++] = (struct candidate){
			v->start, v->end, rank, v->flags & VMA_NO_RESERVE,
			v->flags & VMA_HUGE_PAGE };
	}
	memory_table_free(&table);
	return ret;
}

static int compare_candidates(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static int compare_edges(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static int add_edge(struct search *s, uint64_t address, uint32_t rank, bool begins)
{
	struct edge *grown;

	/* what goes on in the next run is one */
	if (begins && s->edge_count && s->edges[s->edge_count - 1].address == address &&
	    s->edges[s->edge_count - 1].rank == rank) {
		s->edge_count--;
		return 0;
	}
	grown = array_grow(s->edges, s->edge_count, &s->edge_capacity, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	s->edges = grown;
	grown[s->edge_count++] = (struct edge){ address, rank };
	return 0;
}

static int add_edges(struct search *s, const struct candidate *c)
{
	const struct image_reader *image = s->rebuild->images[s->order[c->rank]];
	uint64_t next = 0;
	int ret = 0;

	memory_common_bytes(image, 0, c->start, &next);
	for (; ret >= 0 && next < image->header.run_count && !image->runs[next].object; next++) {
		uint64_t start = image->runs[next].offset;
		uint64_t end = start + image->runs[next].bytes;

		if (start >= c->end)
			break;
		start = start > c->start ? start : c->start;
		end = end < c->end ? end : c->end;
		if ((start | end) % PAGE_BYTES || start >= end)
			continue;
		ret = add_edge(s, start, c->rank, true);
		if (ret >= 0)
			ret = add_edge(s, end, c->rank, false);
	}
	return ret;
}

/* The two lowest ranks that are active; false: fewer. */
static bool lowest_two(const struct search *s, uint32_t *first, uint32_t *second)
{
	int found = 0;

	for (size_t w = 0; w < s->words; w++)
		for (uint64_t bits = s->active[w]; bits; bits &= bits - 1) {
			uint32_t rank = w * 64 + __builtin_ctzll(bits);

			if (found++) {
				*second = rank;
				return true;
			}
			*first = rank;
		}
	return false;
}

static int add_piece(struct search *s, uint64_t start, uint64_t end, uint32_t first,
		     uint32_t second)
{
	struct inherited *in = s->in;
	struct inherited_piece *last = in->piece_count ? &in->pieces[in->piece_count - 1] : NULL;
	struct inherited_piece *grown;

	if (last && last->end == start && last->source == s->order[first] &&
	    last->area == in->area_count) {
		last->end = end;
		return 0;
	}
	grown = array_grow(in->pieces, in->piece_count, &in->piece_capacity, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	in->pieces = grown;
	grown[in->piece_count++] = (struct inherited_piece){
		start, end, in->area_count, s->order[first], s->order[second] };
	return 0;
}

/* The pages of the area to come that at least two have, each from the first who has it. */
static int find_pieces(struct search *s, uint64_t *bytes)
{
	int ret = 0;

	*bytes = 0;
	memset(s->active, 0, s->words * sizeof(*s->active));
	qsort(s->edges, s->edge_count, sizeof(*s->edges), compare_edges);
	for (size_t i = 0; i < s->edge_count && ret >= 0; i++) {
		const struct edge *e = &s->edges[i];
		uint32_t first, second;

		/* those of one image at one address, an end and a beginning, are none */
		s->active[e->rank / 64] ^= 1ull << e->rank % 64;
		if (i + 1 == s->edge_count || e[1].address == e->address ||
		    !lowest_two(s, &first, &second))
			continue;
		ret = add_piece(s, e->address, e[1].address, first, second);
		*bytes += e[1].address - e->address;
	}
	return ret;
}

/* The candidates from @from up to @to, which overlap one with the next. */
static int add_area(struct search *s, size_t from, size_t to, uint64_t end)
{
	struct inherited *in = s->in;
	const struct candidate *c = &s->candidates[from];
	size_t pieces_before = in->piece_count;
	struct inherited_area *grown;
	bool huge = true;
	uint64_t bytes;
	bool *wanted;
	int ret = 0;

	for (size_t i = from; i < to; i++) {
		huge = huge && s->candidates[i].huge;
		if (s->candidates[i].no_reserve != c->no_reserve)
			return 0; /* settled by mmap(2), for good */
	}
	s->edge_count = 0;
	for (size_t i = from; i < to && ret >= 0; i++)
		ret = add_edges(s, &s->candidates[i]);
	if (ret >= 0)
		ret = find_pieces(s, &bytes);
	if (ret < 0)
		return ret;
	if (bytes < WORTH_BYTES) {
		in->piece_count = pieces_before;
		return 0;
	}
	grown = array_grow(in->areas, in->area_count, &in->area_capacity, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	in->areas = grown;
	wanted = calloc(in->image_count, sizeof(*wanted));
	if (!wanted)
		return -ENOMEM;
	for (size_t i = from; i < to; i++)
		wanted[s->order[s->candidates[i].rank]] = true;
	grown[in->area_count++] = (struct inherited_area){
		.start = c->start, .end = end, .no_reserve = c->no_reserve, .huge = huge,
		.wanted = wanted };
	return 0;
}

static int add_areas(struct search *s)
{
	int ret = 0;

	qsort(s->candidates, s->candidate_count, sizeof(*s->candidates), compare_candidates);
	for (size_t from = 0, to; from < s->candidate_count && ret >= 0; from = to) {
		uint64_t end = s->candidates[from].end;

		for (to = from + 1; to < s->candidate_count && s->candidates[to].start < end; to++)
			if (s->candidates[to].end > end)
				end = s->candidates[to].end;
		if (to > from + 1)
			ret = add_area(s, from, to, end);
	}
	return ret;
}

int memory_common_find(struct inherited *in, struct rebuild *r, const uint32_t *order,
		       size_t count)
{
	struct search s = { .in = in, .rebuild = r, .order = order,
			    .words = (count + 63) / 64 };
	int ret = 0;

	s.active = calloc(s.words + 1, sizeof(*s.active));
	if (!s.active)
		return -ENOMEM;
	for (size_t rank = 0; rank < count && ret >= 0; rank++)
		ret = add_candidates(&s, rank);
	if (ret >= 0 && s.candidate_count > 1)
		ret = add_areas(&s);
	free(s.active);
	free(s.candidates);
	free(s.edges);
	return ret;
}

/*
 * Pages that processes had in common after a fork, in common again: docs/copy-on-write.md,
 * "Over a restart". The builder fills them once in its own memory, where the processes will have
 * them; its children inherit them and get only what differs written over.
 */
#ifndef MEMORY_INHERIT_H
#define MEMORY_INHERIT_H

#include "memory.h"

struct inherited_piece { /* pages that the builder holds as the image @source has them */
	uint64_t start, end;
	uint32_t area;
	uint32_t source, other; /* numbers of images; @other has pages there too */
};

struct inherited_area { /* a mapping of the builder around those of several images */
	uint64_t start, end;
	bool no_reserve;
	bool huge; /* all want huge pages */
	bool *wanted; /* per image */
	bool *heirs;  /* per node of the tree: restart/inheritance.c; NULL: all may be */
};

struct inherited {
	struct inherited_area *areas; /* ascending */
	size_t area_count, area_capacity;
	struct inherited_piece *pieces; /* ascending */
	size_t piece_count, piece_capacity;
	size_t image_count;
};

/*
 * Maps what may be in common, still empty. @order: the numbers of all @count images whose processes
 * have memory of their own, those to take pages from first. *@all is false where a place is taken
 * by what we need ourselves. NULL: nothing in common, or no memory for it; then every process gets
 * its own pages, as it does for an area that cannot be had or filled.
 */
struct inherited *memory_inherit_reserve(struct rebuild *r, const uint32_t *order, size_t count,
					 bool *all);
/* In the builder before any process is made: fills what is worth it, the rest goes. */
void memory_inherit_fill(struct rebuild *r, struct inherited *in);
/* Who is forked from now on gets the memory of @area, or not. */
void memory_inherit_offer(const struct inherited *in, size_t area, bool offered);
/* The memory goes from this process, @in with it. NULL is fine. */
void memory_inherit_release(struct inherited *in);

/* What one process keeps of it. */
struct kept {
	bool *mappings; /* per mapping of its table: the inherited one stays; NULL: none */
	struct inherited_piece *pieces; /* cut to those mappings, ascending */
	size_t count;
	uint32_t image;
};

/* -ENOMEM. */
int memory_kept_find(struct kept *k, const struct rebuilt_process *p,
		     const struct memory_table *table);
void memory_kept_free(struct kept *k);
/* The first piece that ends behind @address, or @k->count. */
size_t memory_kept_at(const struct kept *k, uint64_t address);

/* ---- memory_common.c: which pages, without touching any ---- */

/* The areas and pieces that several images could have in common, nothing mapped; -ENOMEM. */
int memory_common_find(struct inherited *in, struct rebuild *r, const uint32_t *order,
		       size_t count);
/* A process can have inherited @v: nothing in it is settled by mmap(2) alone. */
bool memory_common_suits(const struct vma_record *v);
/*
 * Bytes that @image has of [@start, @end). *@next: the first run to look at, for an ascending
 * sequence of ranges; 0 to begin with.
 */
uint64_t memory_common_bytes(const struct image_reader *image, uint64_t start, uint64_t end,
			     uint64_t *next);

#endif

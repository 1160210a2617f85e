/*
 * The mappings of an image: what cannot be a real address space is refused before anything is
 * made.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "memory.h"

#define PROTECTIONS (PROT_READ | PROT_WRITE | PROT_EXEC)

static int check_vma(const struct vma_record *v, uint64_t last_end, struct fault *fault)
{
	const char *wrong = NULL;

	if (v->start % PAGE_BYTES || v->end % PAGE_BYTES || v->offset % PAGE_BYTES)
		wrong = "is not on page boundaries";
	else if (v->start >= v->end)
		wrong = "is empty";
	else if (v->end > USER_END)
		wrong = "lies beyond the addresses of programs";
	else if (v->start < last_end)
		wrong = "overlaps the one before it";
	else if (v->protection & ~PROTECTIONS || v->flags & ~VMA_FLAGS_KNOWN)
		wrong = "has unknown properties";
	else if (v->page_shift < 12 || v->page_shift > 34 || v->protection_key > 15)
		wrong = "has an impossible page size or protection key";
	else if (v->file_id && v->offset > (uint64_t)INT64_MAX - (v->end - v->start))
		wrong = "lies beyond the end of any file";
	else if (!v->file_id && v->flags & VMA_SHARED)
		wrong = "is shared, but with nothing";
	else if (v->flags & VMA_SYSV && (!v->file_id || v->offset > v->start))
		wrong = "is no attachment";
	else if ((v->start | v->end) & ((1ull << v->page_shift) - 1))
		wrong = "is not on the boundaries of its huge pages";
	if (!wrong)
		return 0;
	return fault_set(fault, EINVAL, "image-damaged", "mapping %" PRIx64 "-%" PRIx64 " %s",
			 v->start, v->end, wrong);
}

int memory_table_read(struct memory_table *t, const struct buffer *records, struct fault *fault)
{
	const struct record *record = NULL;
	size_t count = 0;
	int ret;

	memset(t, 0, sizeof(*t));
	while ((record = record_find(records, RECORD_VMA, record)))
		count++;
	t->vmas = calloc(count ? count : 1, sizeof(*t->vmas));
	t->records = calloc(count ? count : 1, sizeof(*t->records));
	if (!t->vmas || !t->records) {
		memory_table_free(t);
		return fault_set(fault, ENOMEM, "out-of-memory", "table of mappings");
	}
	while ((record = record_find(records, RECORD_VMA, record))) {
		struct vma_record *v = &t->vmas[t->count];

		record_head(record, v, sizeof(*v));
		ret = check_vma(v, t->count ? v[-1].end : 0, fault);
		if (ret < 0) {
			memory_table_free(t);
			return ret;
		}
		t->records[t->count++] = record;
	}
	return 0;
}

void memory_table_free(struct memory_table *t)
{
	free(t->vmas);
	free(t->records);
	memset(t, 0, sizeof(*t));
}

uint64_t memory_table_hole(const struct memory_table *t, uint64_t from, uint64_t bytes,
			   const struct file_range *avoid, size_t avoid_count)
{
	uint64_t at = from;
	size_t i = 0;
	bool moved;

	do {
		moved = false;
		for (; i < t->count && t->vmas[i].start < at + bytes; i++)
			if (t->vmas[i].end > at) {
				at = t->vmas[i].end;
				moved = true;
			}
		for (size_t k = 0; k < avoid_count; k++)
			if (avoid[k].start < at + bytes && avoid[k].end > at) {
				at = avoid[k].end;
				moved = true;
			}
	} while (moved);
	return at + bytes <= USER_END ? at : 0;
}

/* The memory of an image, for dmtcp_inspect. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../descriptor/descriptor.h"
#include "memory.h"

struct known_file { /* behind mappings */
	uint64_t id;
	struct mapped_file_view view;
};

struct known_files {
	struct known_file *files; /* ascending by id */
	size_t count;
};

static int compare_files(const void *a, const void *b)
{
	const struct known_file *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static void list_files(struct image_reader *image, struct known_files *k)
{
	const struct record *record = NULL;
	size_t count = 0;

	while ((record = record_find(&image->records, RECORD_MAPPED_FILE, record)))
		count++;
	k->files = calloc(count + 1, sizeof(*k->files));
	while (k->files && (record = record_find(&image->records, RECORD_MAPPED_FILE, record))) {
		struct known_file *f = &k->files[k->count];

		if (mapped_file_view(record, &f->view, NULL) < 0)
			continue;
		f->id = f->view.r.id;
		k->count++;
	}
	if (k->files)
		qsort(k->files, k->count, sizeof(*k->files), compare_files);
}

static const struct known_file *find_file(const struct known_files *k, uint64_t id)
{
	struct known_file wanted = { .id = id };

	return k->files && id ? bsearch(&wanted, k->files, k->count, sizeof(wanted),
					compare_files) : NULL;
}

/* Bytes of @object that the image holds between @start and @end. */
static uint64_t saved_bytes(const struct image_reader *image, uint64_t object, uint64_t start,
			    uint64_t end)
{
	size_t low = 0, high = image->header.run_count;
	uint64_t sum = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct image_run *run = &image->runs[middle];

		if (run->object < object ||
		    (run->object == object && run->offset + run->bytes <= start))
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < image->header.run_count; low++) {
		const struct image_run *run = &image->runs[low];
		uint64_t from = run->offset > start ? run->offset : start;
		uint64_t to = run->offset + run->bytes < end ? run->offset + run->bytes : end;

		if (run->object != object || run->offset >= end)
			break;
		sum += to - from;
	}
	return sum;
}

static const char *kind_of(const struct vma_record *v, const struct known_file *f,
			   const struct file_range *heap, uint64_t stack)
{
	if (v->flags & VMA_SYSV)
		return "System V segment";
	if (f && f->view.r.kind == MAPPED_ELF)
		return v->protection & PROT_EXEC ? "code" : "library data";
	if (f && f->view.r.kind == MAPPED_MEMORY)
		return "shared memory";
	if (f)
		return "file";
	if (stack >= v->start && stack < v->end)
		return "stack";
	if (v->start < heap->end && v->end > heap->start)
		return "heap";
	return v->protection ? "anonymous" : "reserved";
}

static json_t *describe_mapping(const struct image_reader *image, const struct vma_record *v,
				const struct record *record, const struct known_file *f,
				const char *kind)
{
	json_t *out = json_object();
	uint64_t saved = saved_bytes(image, 0, v->start, v->end);
	char protection[5];
	const char *name;
	size_t length;

	snprintf(protection, sizeof(protection), "%c%c%c%c", v->protection & PROT_READ ? 'r' : '-',
		 v->protection & PROT_WRITE ? 'w' : '-', v->protection & PROT_EXEC ? 'x' : '-',
		 v->flags & VMA_SHARED ? 's' : 'p');
	json_object_set_new(out, "start", file_id_text(v->start));
	json_object_set_new(out, "end", file_id_text(v->end));
	json_object_set_new(out, "bytes", json_integer(v->end - v->start));
	json_object_set_new(out, "protection", json_string(protection));
	json_object_set_new(out, "kind", json_string(kind));
	if (f) {
		uint64_t object = f->view.r.kind == MAPPED_ELF ? f->id ^ KEY_IMAGE : f->id;

		if (f->view.path[0])
			json_object_set_new(out, "path", json_from_text(f->view.path));
		json_object_set_new(out, "offset", json_integer(v->offset));
		json_object_set_new(out, "file", file_id_text(f->id));
		saved += saved_bytes(image, object, v->offset, v->offset + (v->end - v->start));
	}
	name = record_tail(record, sizeof(*v), &length);
	if (length)
		json_object_set_new(out, "name", json_from_bytes(name, length));
	json_object_set_new(out, "savedBytes", json_integer(saved));
	return out;
}

void memory_describe(struct image_reader *image, json_t *out)
{
	struct known_files files = { 0 };
	struct memory_table table;
	struct file_range heap;
	json_t *mappings = json_array();
	uint64_t stack;

	mm_describe(image, out, &heap, &stack);
	list_files(image, &files);
	if (memory_table_read(&table, &image->records, NULL) == 0) {
		for (size_t i = 0; i < table.count; i++) {
			const struct vma_record *v = &table.vmas[i];
			const struct known_file *f = find_file(&files, v->file_id);

			json_array_append_new(mappings,
					      describe_mapping(image, v, table.records[i], f,
							       kind_of(v, f, &heap, stack)));
		}
		memory_table_free(&table);
	}
	free(files.files);
	json_object_set_new(out, "mappings", mappings);
}

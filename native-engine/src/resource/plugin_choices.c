#include "plugin_choices.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/plugin_area.h"
#include "records.h"

bool plugin_choices_read(struct process *p, size_t offset, void *data, size_t bytes)
{
	uint64_t magic;

	if (!p->helper ||
	    process_read(p, p->plugin_area + offsetof(struct plugin_area, magic), &magic,
			 sizeof(magic)) < 0 ||
	    (magic != PLUGIN_AREA_MAGIC && magic != PLUGIN_AREA_WITHOUT_RESUME))
		return false;
	return process_read(p, p->plugin_area + offsetof(struct plugin_area, choices) + offset, data,
			    bytes) >= 0;
}

/* The head of the choices: counts that a program may have overwritten are none of ours. */
static bool read_counts(struct process *p, struct plugin_choices *c)
{
	return plugin_choices_read(p, 0, c, offsetof(struct plugin_choices, skips)) &&
	       c->skip_count <= PLUGIN_SKIPS && c->file_count <= PLUGIN_FILES &&
	       c->note_bytes <= PLUGIN_NOTE_BYTES;
}

/* ---- files ---- */

uint32_t plugin_file_choice(struct process *p, const struct stat *status)
{
	struct plugin_choices c;

	if (!p->helper || !read_counts(p, &c) || !c.file_count ||
	    !plugin_choices_read(p, offsetof(struct plugin_choices, files), c.files,
				 sizeof(c.files)))
		return 0;
	for (uint32_t i = 0; i < c.file_count; i++)
		if (c.files[i].device == status->st_dev && c.files[i].inode == status->st_ino)
			return c.files[i].choice;
	return 0;
}

/* ---- memory ---- */

bool plugin_skips_memory(struct process *p)
{
	struct plugin_choices c;

	return p->helper && read_counts(p, &c) && c.skip_count;
}

/* Appends what of @v lies in [@start, @end). */
static void add_part(struct live_memory *m, const struct live_vma *v, uint64_t start, uint64_t end)
{
	struct live_vma *part;

	if (start >= end)
		return;
	part = &m->vmas[m->count++];
	*part = *v;
	part->v.start = start;
	part->v.end = end;
	part->v.offset += start - v->v.start;
}

/* Both ascend; a skip may cover several mappings, and a mapping hold several skips. */
static void add_rest(struct live_memory *m, const struct live_vma *v, const struct plugin_choices *c)
{
	uint64_t from = v->v.start, unit = 1ull << v->v.page_shift;

	for (uint32_t i = 0; i < c->skip_count; i++) {
		uint64_t start = (c->skips[i].start + unit - 1) & ~(unit - 1);
		uint64_t end = c->skips[i].end & ~(unit - 1);

		if (v->special != SPECIAL_NONE || end <= from || start >= v->v.end || start >= end)
			continue;
		add_part(m, v, from, start);
		from = end;
	}
	add_part(m, v, from, v->v.end);
}

int plugin_skip_memory(struct capture *c, struct live_memory *m)
{
	struct live_memory all = *m;
	struct plugin_choices choices;

	if (!read_counts(c->process, &choices) || !choices.skip_count ||
	    !plugin_choices_read(c->process, offsetof(struct plugin_choices, skips), choices.skips,
				 sizeof(choices.skips)))
		return 0;
	m->vmas = calloc(all.count + choices.skip_count + 1, sizeof(*m->vmas));
	if (!m->vmas) {
		m->vmas = all.vmas;
		return fault_set(c->fault, ENOMEM, "out-of-memory", "process %d",
				 c->process->virtual_pid);
	}
	m->count = 0;
	for (size_t i = 0; i < all.count; i++)
		add_rest(m, &all.vmas[i], &choices);
	free(all.vmas);
	return 0;
}

/* ---- notes ---- */

static int notes_capture(struct capture *c)
{
	struct plugin_choices choices;

	if (read_counts(c->process, &choices) && choices.note_bytes &&
	    plugin_choices_read(c->process, offsetof(struct plugin_choices, notes), choices.notes,
				choices.note_bytes))
		record_append(c->records, RECORD_NOTES, NULL, 0, choices.notes, choices.note_bytes);
	return 0;
}

static void notes_describe(struct image_reader *image, json_t *out)
{
	const struct record *record = record_find(&image->records, RECORD_NOTES, NULL);
	json_t *notes;
	const char *key, *end;
	size_t bytes;

	if (!record)
		return;
	key = record_tail(record, 0, &bytes);
	end = key + bytes;
	notes = json_object();
	while (key < end) {
		size_t length = strnlen(key, end - key);
		const char *value = key + length + 1;
		char name[256];

		if (value >= end)
			break;
		snprintf(name, sizeof(name), "%.*s", (int)length, key);
		length = strnlen(value, end - value);
		json_object_set_new(notes, name, json_from_bytes(value, length));
		key = value + length + 1;
	}
	json_object_set_new(out, "notes", notes);
}

const struct resource notes_resource = {
	.name = "notes of plugins",
	.capture = notes_capture,
	.describe = notes_describe,
};

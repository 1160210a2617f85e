/* The descriptors of an image, for dmtcp_inspect. */
#include <fcntl.h>

#include "../descriptor/file_index.h"
#include "descriptors.h"
#include "records.h"

static const char *access_of(uint32_t flags)
{
	if (flags & O_PATH)
		return "path";
	switch (flags & O_ACCMODE) {
	case O_RDONLY:
		return "read";
	case O_WRONLY:
		return "write";
	default:
		return "read and write";
	}
}

static json_t *describe_file(const struct record *record)
{
	json_t *out = json_object();
	struct file_view f;

	file_view_read(record, &f);
	json_object_set_new(out, "file", file_id_text(f.head.id));
	json_object_set_new(out, "kind", json_string(f.kind ? f.kind->name : "unknown"));
	json_object_set_new(out, "access", json_string(access_of(f.head.flags)));
	json_object_set_new(out, "flags", json_integer(f.head.flags));
	json_object_set_new(out, "position", json_integer(f.head.position));
	if (f.kind && f.kind->describe)
		f.kind->describe(f.payload, f.bytes, out);
	return out;
}

void descriptors_describe(struct image_reader *image, json_t *out)
{
	json_t *files = json_object(), *descriptors = json_array();
	const struct record *record = NULL;

	while ((record = record_find(&image->records, RECORD_FILE, record))) {
		json_t *file = describe_file(record);

		json_object_set_new(files, json_text(file, "file", ""), file);
	}
	while ((record = record_find(&image->records, RECORD_DESCRIPTOR, record))) {
		struct descriptor_record d;
		json_t *entry, *file, *id;

		record_head(record, &d, sizeof(d));
		id = file_id_text(d.file_id);
		file = json_object_get(files, json_string_value(id));
		entry = file ? json_copy(file) : json_object();
		json_object_set_new(entry, "file", id);
		json_object_set_new(entry, "number", json_integer(d.number));
		json_object_set_new(entry, "closeOnExec", json_boolean(d.close_on_exec));
		json_array_append_new(descriptors, entry);
	}
	json_decref(files);
	json_object_set_new(out, "descriptors", descriptors);
}

/* All files of all images of a restart, by id. */
#ifndef FILE_INDEX_H
#define FILE_INDEX_H

#include "../restart/rebuild.h"
#include "descriptor.h"

struct file_view { /* a RECORD_FILE, taken apart */
	struct file_record head;
	const void *payload;
	size_t bytes;
	const struct file_kind_ops *kind; /* NULL: not known here */
};

void file_view_read(const struct record *record, struct file_view *file);

/* The file with this id from the first image that has it. False: none has. */
bool file_index_find(struct rebuild *r, uint64_t id, struct file_view *file);
/* Is this the record that file_index_find() gives? For what must be done once. */
bool file_index_is_first(struct rebuild *r, const struct record *record);
/*
 * Descriptor in the builder of the file with this id, opened now if it has not been. -ENOENT: no
 * image has it.
 */
int file_index_open(struct rebuilt_process *p, uint64_t id);
/* rebuild_remember() for a file: where the limit of open files is near, at its own final number. */
int file_index_remember(struct rebuild *r, uint64_t id, int fd, struct fault *fault);
/* How many numbers the builder needs for itself and that many files. */
size_t file_index_room(size_t files);
/* The next file of @kind behind *@position (0: the first). */
bool file_index_next(struct rebuild *r, uint32_t kind, size_t *position, struct file_view *file);
/*
 * The files of @kind that @selects takes (always the same function for a kind): found once, then
 * remembered. They are the index's.
 */
const struct file_view *file_index_select(struct rebuild *r, uint32_t kind,
					  bool (*selects)(const struct file_view *file),
					  size_t *count);
void file_index_free(struct rebuild *r);

#endif

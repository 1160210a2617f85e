#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/file.h"
#include "../resource/memory.h"
#include "inspection.h"

static const struct image_reader *find_image(const struct inspection *i, const char *unique_pid,
					     const char *manifest_id)
{
	for (size_t n = 0; n < i->count; n++)
		if (!strcmp(i->images[n]->header.unique_pid, unique_pid) &&
		    !strcmp(i->images[n]->header.manifest_id, manifest_id))
			return i->images[n];
	return NULL;
}

/* An image against its line in the manifest: both were written by the same round. */
static int compare(const struct image_reader *image, const json_t *member, const char *manifest,
		   struct fault *fault)
{
	const char *digest = json_text(member, "digest", "");
	uint64_t bytes = json_number(member, "bytes", 0);

	if (bytes != image->header.file_bytes)
		return fault_set(fault, EBADMSG, "image-damaged",
				 "%s has %" PRIu64 " bytes, %s says %" PRIu64, image->path,
				 image->header.file_bytes, manifest, bytes);
	if (strcmp(digest, image->digest))
		return fault_set(fault, EBADMSG, "image-damaged",
				 "%s is not the image that %s lists: its digest is %s, not %s",
				 image->path, manifest, image->digest, digest);
	return 0;
}

static void verify_manifest(struct inspection *i, const char *path, const json_t *manifest)
{
	char here[256] = "";
	const json_t *member;
	size_t n;

	gethostname(here, sizeof(here) - 1);
	json_array_foreach(json_object_get(manifest, "images"), n, member) {
		const char *unique = json_text(member, "uniquePid", "");
		const struct image_reader *image =
			find_image(i, unique, json_text(manifest, "manifestId", ""));
		struct fault fault = { 0 };

		if (!image && strcmp(json_text(member, "host", ""), here))
			continue; /* on its own host */
		if (!image)
			fault_set(&fault, ENOENT, "image-set-incomplete",
				  "%s lists %s (%s), which was not given or cannot be read", path,
				  json_text(member, "path", "?"),
				  json_text(member, "program", "?"));
		if (!image || compare(image, member, path, &fault) < 0)
			inspection_problem(i, path, &fault);
	}
}

static int compare_parts(const void *a, const void *b)
{
	const struct file_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Zeros between two parts, which have checksums of their own. */
static int verify_gap(const struct image_reader *image, uint64_t start, uint64_t end,
		      struct fault *fault)
{
	uint8_t bytes[4096];

	while (start < end) {
		size_t n = end - start < sizeof(bytes) ? end - start : sizeof(bytes);
		int ret = file_read_at(image->fd, bytes, n, start);

		if (ret < 0)
			return fault_set(fault, -ret, "image-unreadable", "%s: %s", image->path,
					 strerror(-ret));
		for (size_t k = 0; k < n; k++)
			if (bytes[k])
				return fault_set(fault, EBADMSG, "image-damaged",
						 "%s: byte %" PRIu64 ", which nothing uses, is not "
						 "zero", image->path, start + k);
		start += n;
	}
	return 0;
}

/* What lies between the parts is never read; but every byte is to be as it was written. */
static int verify_gaps(const struct image_reader *image, struct fault *fault)
{
	const struct image_header *h = &image->header;
	size_t count = h->chunk_count + 3;
	struct file_range *parts = calloc(count, sizeof(*parts));
	uint64_t end = 0;
	int ret = 0;

	if (!parts)
		return fault_set(fault, ENOMEM, "out-of-memory", "%s: no memory", image->path);
	for (size_t k = 0; k < h->chunk_count; k++) {
		const struct image_chunk *c = &image->chunks[k];

		parts[k] = (struct file_range){ c->file_offset, c->file_offset + c->stored_bytes };
	}
	parts[count - 3].end = h->header_bytes;
	parts[count - 2] = (struct file_range){ h->metadata_offset,
						h->metadata_offset + h->metadata_stored_bytes };
	parts[count - 1] = (struct file_range){ h->index_offset, h->index_offset + h->index_bytes };
	qsort(parts, count, sizeof(*parts), compare_parts);
	for (size_t k = 0; ret == 0 && k < count; k++) {
		ret = verify_gap(image, end, parts[k].start, fault);
		if (parts[k].end > end)
			end = parts[k].end;
	}
	if (ret == 0)
		ret = verify_gap(image, end, h->file_bytes, fault);
	free(parts);
	return ret;
}

void inspection_verify(struct inspection *i)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	const json_t *entry;
	size_t n;

	for (n = 0; n < i->count; n++) {
		struct fault fault = { 0 };

		if (image_reader_verify(i->images[n], processors > 0 ? processors : 1, &fault) < 0 ||
		    verify_gaps(i->images[n], &fault) < 0)
			inspection_problem(i, i->images[n]->path, &fault);
	}
	json_array_foreach(i->manifests, n, entry)
		verify_manifest(i, json_text(entry, "path", ""),
				json_object_get(entry, "manifest"));
}

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

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

void inspection_verify(struct inspection *i)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	const json_t *entry;
	size_t n;

	for (n = 0; n < i->count; n++) {
		struct fault fault = { 0 };

		if (image_reader_verify(i->images[n], processors > 0 ? processors : 1, &fault) < 0)
			inspection_problem(i, i->images[n]->path, &fault);
	}
	json_array_foreach(i->manifests, n, entry)
		verify_manifest(i, json_text(entry, "path", ""),
				json_object_get(entry, "manifest"));
}

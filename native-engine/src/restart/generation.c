#include "generation.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/json.h"

#define DIGITS 5

bool generation_suffix(const char *text)
{
	if (text[0] != '.' || text[1] != 'g')
		return false;
	text += 2;
	for (int i = 0; i < DIGITS; i++)
		if (!isdigit((unsigned char)*text++))
			return false;
	if (!*text)
		return true;
	if (*text++ != '-' || !*text)
		return false;
	while (isalnum((unsigned char)*text))
		text++;
	return !*text;
}

size_t generation_familiar(const char *name)
{
	const char *suffix = strrchr(name, '.');

	return suffix && generation_suffix(suffix) ? (size_t)(suffix - name) : strlen(name);
}

static void directory_of(const char *path, char *out, size_t bytes)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		snprintf(out, bytes, ".");
	else
		snprintf(out, bytes, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

/* The manifest beside an image, NULL when there is none: then the images speak for themselves. */
static json_t *read_manifest(const struct image_reader *image, const char *path)
{
	char directory[PATH_MAX], file[PATH_MAX + 128];

	if (strchr(image->header.computation_id, '/'))
		return NULL;
	directory_of(path, directory, sizeof(directory));
	snprintf(file, sizeof(file), "%s/dmtcp_manifest_%.63s.json", directory,
		 image->header.computation_id);
	return json_load_file(file, 0, NULL);
}

static int open_image(struct image_reader **out, const char *path, bool strict,
		      struct fault *fault)
{
	return strict ? image_reader_open(out, path, fault) :
			image_reader_open_any_owner(out, path, fault);
}

static bool belongs(const struct image_reader *image, const json_t *manifest)
{
	return !strcmp(json_text(manifest, "manifestId", ""), image->header.manifest_id);
}

static bool lists(const json_t *manifest, const char *unique_pid)
{
	const json_t *member;
	size_t index;

	json_array_foreach(json_object_get(manifest, "images"), index, member)
		if (!strcmp(json_text(member, "uniquePid", ""), unique_pid))
			return true;
	return false;
}

/* Is @image of the round @manifest_id; NULL: of the one that the manifest beside @path names? */
static bool is_committed(const struct image_reader *image, const char *path,
			 const char *manifest_id)
{
	json_t *manifest;
	bool is;

	if (manifest_id)
		return !strcmp(image->header.manifest_id, manifest_id);
	manifest = read_manifest(image, path);
	is = manifest && belongs(image, manifest);
	json_decref(manifest);
	return is;
}

/* The .g sibling of @path that is_committed(); @any: there is one of whatever round. */
static bool open_sibling_of(struct image_reader **out, const char *path, bool strict,
			    const char *manifest_id, bool *any)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char directory[PATH_MAX], file[PATH_MAX + 256];
	size_t bytes = strlen(name);
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	directory_of(path, directory, sizeof(directory));
	dir = opendir(directory);
	while (dir && !found && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, name, bytes) ||
		    !generation_suffix(entry->d_name + bytes))
			continue;
		*any = true;
		snprintf(file, sizeof(file), "%s/%s", directory, entry->d_name);
		if (open_image(out, file, strict, NULL) < 0)
			continue;
		found = is_committed(*out, path, manifest_id);
		if (!found)
			image_reader_close(*out);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* @image is of an older generation than the manifest: the newer file must be beside it. */
static int open_newer(struct image_reader **image, const char *path, bool strict,
		      const json_t *manifest, struct fault *fault)
{
	long long generation = json_number(manifest, "generation", 0);
	struct image_reader *newer;
	bool any = false;

	if (!lists(manifest, (*image)->header.unique_pid))
		return fault_set(fault, ESTALE, "image-set-mixed",
				 "%s is of generation %llu; its process is not in generation "
				 "%lld, which the manifest beside it lists", path,
				 (unsigned long long)(*image)->header.generation, generation);
	if (!open_sibling_of(&newer, path, strict, json_text(manifest, "manifestId", ""), &any))
		return fault_set(fault, EINVAL, "image-set-mixed",
				 "%s is of generation %llu, but the manifest beside it is of "
				 "generation %lld, whose image is not there%s", path,
				 (unsigned long long)(*image)->header.generation, generation,
				 any ? ", only one of another round" : "");
	image_reader_close(*image);
	*image = newer;
	return 0;
}

/* Nothing has the familiar name: is there one that was committed and not renamed any more? */
static int open_unnamed(struct image_reader **out, const char *path, bool strict,
			struct fault *fault)
{
	bool any = false;

	if (open_sibling_of(out, path, strict, NULL, &any))
		return 0;
	return fault_set(fault, any ? ESTALE : ENOENT, "image-unreadable", "%s: %s%s", path,
			 strerror(ENOENT), any ? " (only one that was never committed)" : "");
}

/* Does the manifest beside @path say that a newer generation than that of @image is committed? */
static bool is_outdated(const struct image_reader *image, const char *path)
{
	json_t *manifest = read_manifest(image, path);
	bool is = manifest &&
		  (uint64_t)json_number(manifest, "generation", 0) > image->header.generation;

	json_decref(manifest);
	return is;
}

/*
 * The host may have missed the commit: then only the restart script knows which round was it. But
 * the script comes after the renames: where they were cut short it is the manifest that is newer.
 */
static bool open_of_round(struct image_reader **out, const char *path, bool strict,
			  const char *manifest_id)
{
	bool any, found = false;

	if (open_image(out, path, strict, NULL) == 0) {
		found = is_committed(*out, path, manifest_id);
		if (!found)
			image_reader_close(*out);
	}
	if (!found && !open_sibling_of(out, path, strict, manifest_id, &any))
		return false;
	if (!is_outdated(*out, path))
		return true;
	image_reader_close(*out);
	return false;
}

int generation_open_image(struct image_reader **out, const char *path, bool strict,
			  const char *manifest_id, struct fault *fault)
{
	struct image_reader *image;
	json_t *manifest;
	int ret;

	if (manifest_id && open_of_round(out, path, strict, manifest_id))
		return 0;
	if (access(path, F_OK) && errno == ENOENT)
		return open_unnamed(out, path, strict, fault);
	ret = open_image(&image, path, strict, fault);
	if (ret < 0)
		return ret;
	manifest = read_manifest(image, path);
	if (manifest && !belongs(image, manifest) &&
	    (uint64_t)json_number(manifest, "generation", 0) > image->header.generation)
		ret = open_newer(&image, path, strict, manifest, fault);
	else if (manifest && !belongs(image, manifest) &&
		 (uint64_t)json_number(manifest, "generation", 0) == image->header.generation)
		ret = fault_set(fault, EINVAL, "image-set-mixed",
				"%s is of another attempt at generation %llu than the manifest "
				"beside it", path, (unsigned long long)image->header.generation);
	json_decref(manifest);
	if (ret < 0) {
		image_reader_close(image);
		return ret;
	}
	*out = image;
	return 0;
}

void generation_name_missing(const struct image_set *set, char *out, size_t bytes)
{
	json_t *manifest = read_manifest(set->images[0], set->images[0]->path), *member;
	size_t index, used = 0;

	*out = 0;
	json_array_foreach(json_object_get(manifest, "images"), index, member) {
		const char *unique = json_text(member, "uniquePid", "");
		bool given = false;
		int n;

		for (size_t i = 0; !given && i < set->count; i++)
			given = !strcmp(set->images[i]->header.unique_pid, unique);
		if (given)
			continue;
		n = snprintf(out + used, bytes - used, "%s%s@%s", used ? ", " : "",
			     json_text(member, "program", "?"), json_text(member, "host", "?"));
		if (n < 0 || (size_t)n >= bytes - used)
			break;
		used += n;
	}
	json_decref(manifest);
}

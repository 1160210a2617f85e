#include "image_set.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../resource/resource.h"

#define IMAGE_SUFFIX ".dmtcp"

static bool has_suffix(const char *name, const char *suffix)
{
	size_t bytes = strlen(name), end = strlen(suffix);

	return bytes > end && !strcmp(name + bytes - end, suffix);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int image_set_list(const char *directory, char ***paths, size_t *count, struct fault *fault)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;
	int ret = 0;

	*paths = NULL;
	*count = 0;
	if (!dir)
		return fault_set(fault, errno, "image-unreadable", "%s: %s", directory,
				 strerror(errno));
	while (ret == 0 && (entry = readdir(dir))) {
		char **more;

		if (!has_suffix(entry->d_name, IMAGE_SUFFIX))
			continue;
		more = realloc(*paths, (*count + 1) * sizeof(*more));
		if (more)
			*paths = more;
		if (!more || asprintf(&more[*count], "%s/%s", directory, entry->d_name) < 0)
			ret = fault_set(fault, ENOMEM, "out-of-memory", "list of images");
		else
			++*count;
	}
	closedir(dir);
	if (ret == 0 && !*count)
		ret = fault_set(fault, ENOENT, "image-unreadable", "%s: no *%s files in it",
				directory, IMAGE_SUFFIX);
	if (ret < 0)
		return ret;
	qsort(*paths, *count, sizeof(**paths), compare_names);
	return 0;
}

/* Everything that can be known about one image before anything is created. */
static int verify(struct image_reader *image, const struct image_set_options *options,
		  struct fault *fault)
{
	int ret;

	if (options->strict && image->header.owner_uid != getuid())
		return fault_set(fault, EPERM, "image-other-owner",
				 "%s belongs to uid %u, this is uid %u", image->path,
				 image->header.owner_uid, getuid());
	ret = image_reader_verify(image, options->workers, fault);
	for (const struct resource *const *r = resource_table; ret == 0 && *r; r++)
		if ((*r)->verify)
			ret = (*r)->verify(image, fault);
	return ret;
}

static int open_one(struct image_set *set, const char *path,
		    const struct image_set_options *options, struct fault *fault)
{
	struct image_reader *image;
	int ret = image_reader_open(&image, path, fault);

	if (ret < 0)
		return ret;
	if (set->count == set->capacity) {
		size_t capacity = set->capacity ? 2 * set->capacity : 16;
		struct image_reader **more = realloc(set->images, capacity * sizeof(*more));

		if (!more) {
			image_reader_close(image);
			return fault_set(fault, ENOMEM, "out-of-memory", "list of images");
		}
		set->images = more;
		set->capacity = capacity;
	}
	set->images[set->count++] = image;
	return verify(image, options, fault);
}

int image_set_open(struct image_set *set, char *const paths[], size_t count,
		   const struct image_set_options *options, struct fault *fault)
{
	int ret = 0;

	memset(set, 0, sizeof(*set));
	for (size_t i = 0; ret == 0 && i < count; i++)
		ret = open_one(set, paths[i], options, fault);
	if (ret < 0) {
		image_set_close(set);
		return ret;
	}
	set->total = set->images[0]->header.members;
	return 0;
}

void image_set_close(struct image_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		image_reader_close(set->images[i]);
	free(set->images);
	memset(set, 0, sizeof(*set));
}

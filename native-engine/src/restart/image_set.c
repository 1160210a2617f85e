#include "image_set.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/array.h"
#include "../resource/process_record.h"
#include "../resource/resource.h"
#include "generation.h"
#include "restart_progress.h"

#define IMAGE_SUFFIX ".dmtcp"

static bool has_suffix(const char *name, size_t bytes, const char *suffix)
{
	size_t end = strlen(suffix);

	return bytes > end && !memcmp(name + bytes - end, suffix, end);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int image_set_list(const char *directory, char ***paths, size_t *count, struct fault *fault)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;
	size_t unique = 0;
	int ret = 0;

	*paths = NULL;
	*count = 0;
	if (!dir)
		return fault_set(fault, errno, "image-unreadable", "%s: %s", directory,
				 strerror(errno));
	while (ret == 0 && (entry = readdir(dir))) {
		/* Committed, but not renamed yet when the machine stopped. */
		size_t bytes = generation_familiar(entry->d_name);
		char **more;

		if (!has_suffix(entry->d_name, bytes, IMAGE_SUFFIX))
			continue;
		more = realloc(*paths, (*count + 1) * sizeof(*more));
		if (more)
			*paths = more;
		if (!more || asprintf(&more[*count], "%s/%.*s", directory, (int)bytes,
				      entry->d_name) < 0)
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
	for (size_t i = 1; i < *count; i++) {
		if (strcmp((*paths)[unique], (*paths)[i]))
			(*paths)[++unique] = (*paths)[i];
		else
			free((*paths)[i]);
	}
	*count = unique + 1;
	return 0;
}

/* Everything that can be known about one image before anything is created. */
static int verify(struct image_reader *image, const struct image_set_options *options,
		  struct fault *fault)
{
	struct process_record process;
	int ret;

	image->advanced = restart_progress_advance;
	image->advanced_context = options->progress;
	ret = image_reader_verify(image, options->workers, fault);
	image->advanced = NULL;
	if (ret == 0)
		ret = process_record_read(image, &process, fault);
	for (const struct resource *const *r = resource_table; ret == 0 && *r; r++)
		if ((*r)->verify && (!(process.flags & PROCESS_ZOMBIE) || (*r)->zombies))
			ret = (*r)->verify(image, fault);
	return ret;
}

static int add(struct image_set *set, struct image_reader *image, struct fault *fault)
{
	struct image_reader **more =
		array_grow(set->images, set->count, &set->capacity, sizeof(*more));

	if (!more) {
		image_reader_close(image);
		return fault_set(fault, ENOMEM, "out-of-memory", "list of images");
	}
	set->images = more;
	set->images[set->count++] = image;
	return 0;
}

/* All images of a set carry what their round was given, and each process is there once. */
static int check_together(const struct image_set *set, struct fault *fault)
{
	const struct image_reader *first = set->images[0];

	for (size_t i = 1; i < set->count; i++) {
		const struct image_reader *image = set->images[i];

		if (strcmp(image->header.manifest_id, first->header.manifest_id) ||
		    strcmp(image->header.computation_id, first->header.computation_id) ||
		    image->header.generation != first->header.generation)
			return fault_set(fault, EINVAL, "image-set-mixed",
					 "%s is of computation %s, generation %llu, but %s of %s, "
					 "generation %llu%s", image->path,
					 image->header.computation_id,
					 (unsigned long long)image->header.generation, first->path,
					 first->header.computation_id,
					 (unsigned long long)first->header.generation,
					 image->header.generation == first->header.generation ?
						 " (of another attempt)" : "");
		for (size_t other = 0; other < i; other++)
			if (!strcmp(image->header.unique_pid,
				    set->images[other]->header.unique_pid))
				return fault_set(fault, EINVAL, "image-set-mixed",
						 "%s and %s are of the same process", image->path,
						 set->images[other]->path);
	}
	if (set->count > first->header.members)
		return fault_set(fault, EINVAL, "image-set-mixed",
				 "%zu images are given, but the generation of %s has %u",
				 set->count, first->path, first->header.members);
	return 0;
}

int image_set_open(struct image_set *set, char *const paths[], size_t count,
		   const struct image_set_options *options, struct fault *fault)
{
	int ret = 0;

	memset(set, 0, sizeof(*set));
	for (size_t i = 0; ret == 0 && i < count; i++) {
		struct image_reader *image;

		struct fault why = { 0 };

		ret = generation_open_image(&image, paths[i], options->strict,
					    options->manifest_id, &why);
		if (ret == -ESTALE && options->skip_leftovers) {
			ret = 0;
			continue;
		}
		if (ret < 0)
			*fault = why;
		else
			ret = add(set, image, fault);
	}
	if (ret == 0 && !set->count)
		ret = fault_set(fault, ENOENT, "image-unreadable",
				"no image of a committed checkpoint is left");
	if (ret == 0)
		ret = check_together(set, fault);
	restart_progress_phase(options->progress, "verify", image_set_bytes(set));
	for (size_t i = 0; ret == 0 && i < set->count; i++)
		ret = verify(set->images[i], options, fault);
	if (ret < 0) {
		image_set_close(set);
		return ret;
	}
	set->total = set->images[0]->header.members;
	return 0;
}

int image_set_check_complete(const struct image_set *set, struct fault *fault)
{
	char missing[256] = "";

	if (set->count >= set->total)
		return 0;
	generation_name_missing(set, missing, sizeof(missing));
	return fault_set(fault, ENOENT, "image-set-incomplete",
			 "generation %llu of computation %s has %u images, %zu are given%s%s",
			 (unsigned long long)set->images[0]->header.generation,
			 set->images[0]->header.computation_id, set->total, set->count,
			 missing[0] ? "; missing: " : "", missing);
}

uint64_t image_set_bytes(const struct image_set *set)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < set->count; i++)
		bytes += set->images[i]->header.file_bytes;
	return bytes;
}

void image_set_close(struct image_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		image_reader_close(set->images[i]);
	free(set->images);
	memset(set, 0, sizeof(*set));
}

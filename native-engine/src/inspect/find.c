#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../restart/generation.h"
#include "inspection.h"

#define MANIFEST_PREFIX "dmtcp_manifest_"
#define MANIFEST_SUFFIX ".json"
#define SCRIPT_PREFIX "dmtcp_restart_script"

int inspection_open(struct inspection *i)
{
	memset(i, 0, sizeof(*i));
	i->manifests = json_array();
	i->problems = json_array();
	return i->manifests && i->problems ? 0 : -ENOMEM;
}

void inspection_close(struct inspection *i)
{
	for (size_t n = 0; n < i->count; n++)
		image_reader_close(i->images[n]);
	free(i->images);
	json_decref(i->manifests);
	json_decref(i->problems);
}

void inspection_problem(struct inspection *i, const char *path, const struct fault *fault)
{
	json_array_append_new(i->problems, json_pack("{s:o, s:o}", "path", json_from_text(path),
						     "error", json_from_fault(fault)));
}

static void problem(struct inspection *i, const char *path, int error, const char *id,
		    const char *what)
{
	struct fault fault = { 0 };

	fault_set(&fault, error, id, "%s: %s", path, what);
	inspection_problem(i, path, &fault);
}

static bool is_known(const struct inspection *i, const struct image_reader *image)
{
	struct stat a, b;

	for (size_t n = 0; n < i->count; n++)
		if (!fstat(i->images[n]->fd, &a) && !fstat(image->fd, &b) && a.st_dev == b.st_dev &&
		    a.st_ino == b.st_ino)
			return true;
	return false;
}

static void add_image(struct inspection *i, const char *path)
{
	struct image_reader *image, **more;
	struct fault fault = { 0 };

	if (generation_open_image(&image, path, false, NULL, &fault) < 0) {
		inspection_problem(i, path, &fault);
		return;
	}
	if (is_known(i, image)) {
		image_reader_close(image);
		return;
	}
	if (i->count == i->capacity) {
		i->capacity = i->capacity ? 2 * i->capacity : 16;
		more = realloc(i->images, i->capacity * sizeof(*more));
		if (!more) {
			i->capacity = i->count;
			image_reader_close(image);
			problem(i, path, ENOMEM, "out-of-memory", strerror(ENOMEM));
			return;
		}
		i->images = more;
	}
	i->images[i->count++] = image;
}

static bool knows_manifest(const struct inspection *i, const char *path)
{
	const json_t *entry;
	size_t n;

	json_array_foreach(i->manifests, n, entry)
		if (!strcmp(json_text(entry, "path", ""), path))
			return true;
	return false;
}

static json_t *load_manifest(struct inspection *i, const char *path)
{
	json_error_t error;
	json_t *manifest = json_load_file(path, 0, &error);

	if (!manifest || !json_is_array(json_object_get(manifest, "images"))) {
		problem(i, path, EINVAL, "image-not-ours",
			manifest ? "no list of images in it" : error.text);
		json_decref(manifest);
		return NULL;
	}
	json_array_append_new(i->manifests, json_pack("{s:o, s:o}", "path", json_from_text(path),
						      "manifest", manifest));
	return manifest;
}

/* Images where they were written, or beside the manifest, to where they have been copied. */
static void add_manifest(struct inspection *i, const char *path)
{
	const char *slash = strrchr(path, '/');
	char here[256] = "", beside[PATH_MAX + 256];
	const json_t *member;
	json_t *manifest;
	size_t n;

	if (knows_manifest(i, path))
		return;
	manifest = load_manifest(i, path);
	gethostname(here, sizeof(here) - 1);
	json_array_foreach(json_object_get(manifest, "images"), n, member) {
		const char *image = json_text(member, "path", ""), *name = strrchr(image, '/');

		snprintf(beside, sizeof(beside), "%.*s%s", slash ? (int)(slash - path + 1) : 0,
			 path, name ? name + 1 : image);
		if (!access(beside, F_OK))
			add_image(i, beside);
		else if (!access(image, F_OK) || !strcmp(json_text(member, "host", ""), here))
			add_image(i, image);
		/* The others are on their hosts: the model says so. */
	}
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static bool ends(const char *text, const char *with)
{
	size_t bytes = strlen(text), end = strlen(with);

	return bytes >= end && !strcmp(text + bytes - end, with);
}

static void add_directory(struct inspection *i, const char *directory);

/* ckpt_<computation>_<generation, 5 digits>: its number; 0: another name. */
static int kept_generation(const char *name)
{
	size_t bytes = strlen(name);

	if (!begins(name, "ckpt_") || bytes < 12 || name[bytes - 6] != '_' ||
	    strspn(name + bytes - 5, "0123456789") != 5)
		return 0;
	return atoi(name + bytes - 5);
}

/* Kept generations are directories of their own: the last one of each computation is meant. */
static bool add_last_generations(struct inspection *i, const char *directory)
{
	DIR *dir = opendir(directory);
	char path[PATH_MAX + 256];
	json_t *last = json_object(), *number;
	struct dirent *entry;
	const char *name;
	bool found;

	while (dir && (entry = readdir(dir))) {
		int generation = kept_generation(entry->d_name);

		entry->d_name[strlen(entry->d_name) - (generation ? 5 : 0)] = '\0';
		if (generation > json_number(last, entry->d_name, 0))
			json_object_set_new(last, entry->d_name, json_integer(generation));
	}
	if (dir)
		closedir(dir);
	json_object_foreach(last, name, number) {
		snprintf(path, sizeof(path), "%s/%s%05d", directory, name,
			 (int)json_integer_value(number));
		add_directory(i, path);
	}
	found = json_object_size(last) > 0;
	json_decref(last);
	return found;
}

static void add_directory(struct inspection *i, const char *directory)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;
	char **names = NULL, path[PATH_MAX + 256];
	size_t count = 0, capacity = 0;

	if (!dir) {
		problem(i, directory, errno, "image-unreadable", strerror(errno));
		return;
	}
	while ((entry = readdir(dir))) {
		char *name = strdup(entry->d_name);

		/* Committed, but not renamed yet when the machine stopped. */
		if (name)
			name[generation_familiar(name)] = '\0';
		if (!name || !ends(name, ".dmtcp")) {
			free(name);
			continue;
		}
		if (count == capacity) {
			char **more =
				realloc(names, (capacity = 2 * capacity + 16) * sizeof(*more));

			if (!more) {
				free(name);
				break;
			}
			names = more;
		}
		names[count++] = name;
	}
	closedir(dir);
	if (count)
		qsort(names, count, sizeof(*names), compare_names);
	else if (!add_last_generations(i, directory))
		problem(i, directory, ENOENT, "image-unreadable", "no *.dmtcp files in it");
	for (size_t n = 0; n < count; n++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[n]);
		if (!n || strcmp(names[n], names[n - 1]))
			add_image(i, path);
	}
	while (count)
		free(names[--count]);
	free(names);
}

/* dmtcp_restart_script_<computation>.sh: the manifest beside it knows all that it restarts. */
static void add_script(struct inspection *i, const char *script)
{
	char real[PATH_MAX], path[2 * PATH_MAX], *name, *end;

	if (!realpath(script, real)) {
		problem(i, script, errno, "image-unreadable", strerror(errno));
		return;
	}
	name = strrchr(real, '/');
	*name++ = '\0';
	end = strstr(name, ".sh");
	if (!begins(name, SCRIPT_PREFIX "_") || !end) {
		problem(i, script, EINVAL, "image-not-ours", "its name has no computation in it");
		return;
	}
	*end = '\0';
	snprintf(path, sizeof(path), "%s/" MANIFEST_PREFIX "%s" MANIFEST_SUFFIX, real,
		 name + sizeof(SCRIPT_PREFIX));
	add_manifest(i, path);
}

void inspection_find(struct inspection *i, const char *argument)
{
	const char *slash = strrchr(argument, '/'), *name = slash ? slash + 1 : argument;
	struct stat status;

	if (!stat(argument, &status) && S_ISDIR(status.st_mode))
		add_directory(i, argument);
	else if (ends(name, MANIFEST_SUFFIX))
		add_manifest(i, argument);
	else if (begins(name, SCRIPT_PREFIX) && ends(name, ".sh"))
		add_script(i, argument);
	else
		add_image(i, argument);
}

void inspection_find_manifests(struct inspection *i)
{
	for (size_t n = 0; n < i->count; n++) {
		const struct image_reader *image = i->images[n];
		const char *slash = strrchr(image->path, '/');
		char path[PATH_MAX + 128];

		if (strchr(image->header.computation_id, '/'))
			continue;
		snprintf(path, sizeof(path), "%.*s" MANIFEST_PREFIX "%s" MANIFEST_SUFFIX,
			 slash ? (int)(slash - image->path + 1) : 0, image->path,
			 image->header.computation_id);
		if (!access(path, R_OK) && !knows_manifest(i, path))
			load_manifest(i, path);
	}
}

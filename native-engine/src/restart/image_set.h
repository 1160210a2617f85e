/* The images that a restart was given: which files are meant, and whether they belong together. */
#ifndef IMAGE_SET_H
#define IMAGE_SET_H

#include <stdbool.h>

#include "../image/image.h"

struct restart_progress;

struct image_set {
	struct image_reader **images;
	size_t count, capacity;
	unsigned int total; /* members of the whole generation, on all hosts */
};

struct image_set_options {
	bool strict; /* images of other users are refused */
	bool skip_leftovers; /* of ended processes and failed rounds: a whole directory is given */
	const char *manifest_id; /* of the round that is meant; NULL: what the manifests say */
	unsigned int workers;
	struct restart_progress *progress;
};

/*
 * Opens and verifies @paths completely, before anything is created. An image whose manifest has
 * been committed with a newer generation is replaced by its .g sibling (ARCHITECTURE.md). On
 * failure the set is empty.
 */
int image_set_open(struct image_set *set, char *const paths[], size_t count,
		   const struct image_set_options *options, struct fault *fault);
/*
 * Are all members of the generation in the set? Without a coordinator nobody else brings the rest.
 * -ENOENT and fault image-set-incomplete, naming some of the missing.
 */
int image_set_check_complete(const struct image_set *set, struct fault *fault);
/* All *.dmtcp files in @directory, sorted; the caller frees them and the list. */
int image_set_list(const char *directory, char ***paths, size_t *count, struct fault *fault);
/* Of all files together. */
uint64_t image_set_bytes(const struct image_set *set);
void image_set_close(struct image_set *set);

#endif

/*
 * Which file holds a process of the committed generation: the rules of ARCHITECTURE.md, "Files of a
 * generation", for one image.
 */
#ifndef GENERATION_H
#define GENERATION_H

#include <stdbool.h>

#include "image_set.h"

/* Is @text what a round appends to the name of an image: ".g00012-1f0c55ae", once ".g00012"? */
bool generation_suffix(const char *text);

/* Bytes of @name without such an end. */
size_t generation_familiar(const char *name);

/*
 * Opens the image named @path, or its .g sibling when the manifest beside it says that a newer
 * generation had been committed and only the renaming was cut short. An image that belongs to
 * neither is refused: image-set-mixed. @strict: so is one of another user. -ESTALE: it is a
 * leftover, of a process that had ended by the newer generation or of a round that was never
 * committed. @manifest_id, if not NULL, names a round that was committed: where there is an image
 * of it, that is opened, unless the manifest beside it is of a newer generation.
 */
int generation_open_image(struct image_reader **out, const char *path, bool strict,
			  const char *manifest_id, struct fault *fault);

/* Some of the members that the manifest lists and @set has not: "counter@hostb, ..."; may be "". */
void generation_name_missing(const struct image_set *set, char *out, size_t bytes);

#endif

/*
 * dmtcp_inspect: what checkpoint images hold.
 *
 *   find.c         arguments -> images and manifests
 *   model.c        images -> one JSON object, the model that all forms of output are made of
 *   connections.c  who is at the other end: pipes, sockets, terminals, shared memory
 *   verify.c       every byte against the checksums and the manifest
 *   text.c, page.c, drawing.c   the model for people
 */
#ifndef INSPECTION_H
#define INSPECTION_H

#include <stdbool.h>
#include <stdio.h>

#include "../common/json.h"
#include "../image/image.h"

struct inspection {
	struct image_reader **images;
	size_t count, capacity;
	json_t *manifests; /* array of {path, manifest} */
	json_t *problems;  /* array of {path, error: {id, text, remedy}} */
};

/* -ENOMEM only: whatever cannot be read becomes a problem. */
int inspection_open(struct inspection *i);
void inspection_close(struct inspection *i);
void inspection_problem(struct inspection *i, const char *path, const struct fault *fault);

/* @argument: an image, a directory, a manifest or a restart script. */
void inspection_find(struct inspection *i, const char *argument);
/* The manifests beside the images that were given, unless they are known. */
void inspection_find_manifests(struct inspection *i);

void inspection_verify(struct inspection *i);

/* The caller owns it. NULL: no memory. */
json_t *inspection_model(struct inspection *i, bool verified);
/* Array of the connections between the images of a model. */
json_t *connections_of(const json_t *images);

void text_print(const json_t *model, FILE *out);
void page_print(const json_t *model, FILE *out);

/* ---- drawing.c: parts of the page ---- */

void drawing_tree(const json_t *images, FILE *out);
void drawing_connections(const json_t *model, FILE *out);
void drawing_memory(const json_t *image, FILE *out);

/* Text for HTML and SVG. */
void page_text(const char *text, FILE *out);
/* "3.4 MiB" */
const char *size_text(uint64_t bytes, char *out, size_t capacity);

#endif

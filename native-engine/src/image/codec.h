/* Compression of one chunk. Contexts belong to one thread. */
#ifndef CODEC_H
#define CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "image.h"

struct codec; /* reusable state of one thread, for any codec */

struct codec *codec_new(void); /* NULL: no memory */
void codec_free(struct codec *c);

/*
 * Compresses @bytes (1 ... IMAGE_CHUNK_BYTES) into @out of @bytes capacity. Returns the stored size, 0
 * when it would not become smaller: store it as it is. @level 0: the codec's fast default.
 */
size_t codec_compress(struct codec *c, uint32_t kind, int level, const void *data, size_t bytes,
		      void *out);
/* Exactly @raw_bytes come out, or -EBADMSG. Never writes past them. */
int codec_decompress(struct codec *c, uint32_t kind, const void *stored, size_t stored_bytes,
		     void *out, size_t raw_bytes);

#endif

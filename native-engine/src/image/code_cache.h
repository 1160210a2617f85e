/*
 * Compressed chunks of code, kept by the engine: the same libraries are in the image of every
 * process and of every checkpoint. They are compressed once, and better than what changes.
 */
#ifndef CODE_CACHE_H
#define CODE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CODE_LEVEL 6 /* of zstd: libc and ld.so in 0.95 MB instead of 1.10 MB, once */

struct code_key {
	uint64_t low, high; /* XXH3-128 of the raw bytes */
	uint32_t raw_bytes;
	uint32_t codec;
	int32_t level; /* that was asked for */
};

void code_key_of(struct code_key *key, const void *raw, size_t raw_bytes, uint32_t codec,
		 int level);
/*
 * The stored bytes, which stay as they are for the life of the program. NULL: not known, the caller
 * compresses it and calls code_cache_fill() in every case; others who ask for it wait for that.
 */
const void *code_cache_find(const struct code_key *key, size_t *bytes);
/* Keeps a copy of @stored, while there is room; @bytes 0: it does not become smaller. */
void code_cache_fill(const struct code_key *key, const void *stored, size_t bytes);
/* What stays there for the life of the program need not be compressed at all. */
void code_cache_lend(const struct code_key *key, const void *stored, size_t bytes);

#endif

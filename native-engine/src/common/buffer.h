/* A growable byte buffer, and the metadata records that images are made of. */
#ifndef BUFFER_H
#define BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
	uint8_t *data;
	size_t bytes;
	size_t capacity;
	bool failed; /* an allocation failed: everything after it was dropped; check once at the end */
};

void buffer_append(struct buffer *b, const void *data, size_t bytes);
void buffer_free(struct buffer *b);

/*
 * A record in a buffer or an image: this header, then @bytes of payload, padded to 8 bytes.
 * Payloads are packed little-endian structs; a field is only ever appended. A reader gets a shorter
 * (older) payload zero-filled and ignores the tail of a longer one; what an old reader must not
 * ignore gets a new record type, and an unknown type below RECORD_OPTIONAL is refused.
 */
struct record {
	uint32_t type;
	uint32_t bytes; /* of payload, without padding */
	uint8_t payload[];
};

#define RECORD_OPTIONAL 0x80000000u

/* Appends one record: the fixed part @head, then @tail (may be NULL, 0), e.g. a path. */
void record_append(struct buffer *b, uint32_t type, const void *head, size_t head_bytes,
		   const void *tail, size_t tail_bytes);

/* The next record after @previous (NULL: the first) of any type; NULL at the end. */
const struct record *record_next(const struct buffer *b, const struct record *previous);
/* The same, of @type only. */
const struct record *record_find(const struct buffer *b, uint32_t type,
				 const struct record *previous);
/* Copies the fixed head of a record, zero-filling what an older writer did not know. */
void record_head(const struct record *r, void *head, size_t head_bytes);
/* The variable tail behind a head of @head_bytes; *@tail_bytes may become 0. Not terminated. */
const void *record_tail(const struct record *r, size_t head_bytes, size_t *tail_bytes);

#endif

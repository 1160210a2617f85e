#include "buffer.h"

#include <stdlib.h>
#include <string.h>

#define ALIGN8(n) (((n) + 7) & ~(size_t)7)

static bool buffer_reserve(struct buffer *b, size_t more)
{
	size_t capacity = b->capacity ? b->capacity : 256;
	uint8_t *data;

	if (b->failed || more > SIZE_MAX / 4 - b->bytes) {
		b->failed = true;
		return false;
	}
	if (b->bytes + more <= b->capacity)
		return true;
	while (capacity < b->bytes + more)
		capacity *= 2;
	data = realloc(b->data, capacity);
	if (!data) {
		b->failed = true;
		return false;
	}
	b->data = data;
	b->capacity = capacity;
	return true;
}

void buffer_append(struct buffer *b, const void *data, size_t bytes)
{
	if (!bytes || !buffer_reserve(b, bytes))
		return;
	memcpy(b->data + b->bytes, data, bytes);
	b->bytes += bytes;
}

void buffer_free(struct buffer *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

void record_append(struct buffer *b, uint32_t type, const void *head, size_t head_bytes,
		   const void *tail, size_t tail_bytes)
{
	struct record r = { .type = type };
	size_t payload = head_bytes + tail_bytes, padded = ALIGN8(payload);

	if (payload > UINT32_MAX - 8) {
		b->failed = true;
		return;
	}
	/* All or nothing, so that a failed allocation never leaves half a record. */
	if (!buffer_reserve(b, sizeof(r) + padded))
		return;
	r.bytes = payload;
	buffer_append(b, &r, sizeof(r));
	buffer_append(b, head, head_bytes);
	buffer_append(b, tail, tail_bytes);
	memset(b->data + b->bytes, 0, padded - payload);
	b->bytes += padded - payload;
}

const struct record *record_next(const struct buffer *b, const struct record *previous)
{
	size_t at = 0;
	const struct record *r;

	if (previous)
		at = (const uint8_t *)previous - b->data + sizeof(*previous) +
		     ALIGN8((size_t)previous->bytes);
	if (at > b->bytes || b->bytes - at < sizeof(*r))
		return NULL;
	r = (const struct record *)(b->data + at);
	/* A length that runs past the end is not followed; image_reader_open refuses such an image. */
	if (ALIGN8((size_t)r->bytes) > b->bytes - at - sizeof(*r))
		return NULL;
	return r;
}

const struct record *record_find(const struct buffer *b, uint32_t type,
				 const struct record *previous)
{
	const struct record *r = previous;

	while ((r = record_next(b, r)))
		if (r->type == type)
			return r;
	return NULL;
}

void record_head(const struct record *r, void *head, size_t head_bytes)
{
	size_t known = r->bytes < head_bytes ? r->bytes : head_bytes;

	memcpy(head, r->payload, known);
	memset((uint8_t *)head + known, 0, head_bytes - known);
}

const void *record_tail(const struct record *r, size_t head_bytes, size_t *tail_bytes)
{
	if (r->bytes <= head_bytes) {
		*tail_bytes = 0;
		return r->payload + r->bytes;
	}
	*tail_bytes = r->bytes - head_bytes;
	return r->payload + head_bytes;
}

#include "code_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define ROOM_BYTES ((size_t)64 << 20)
#define BUCKETS 1024u

struct entry {
	struct entry *next;
	struct code_key key;
	size_t bytes;
	uint8_t stored[];
};

/* Entries are never removed: readers need no lock for what they have found. */
static struct {
	pthread_mutex_t lock;
	struct entry *buckets[BUCKETS];
	size_t bytes;
} cache = { .lock = PTHREAD_MUTEX_INITIALIZER };

void code_key_of(struct code_key *key, const void *raw, size_t raw_bytes, uint32_t codec, int level)
{
	XXH128_hash_t hash = XXH3_128bits(raw, raw_bytes);

	memset(key, 0, sizeof(*key));
	key->low = hash.low64;
	key->high = hash.high64;
	key->raw_bytes = raw_bytes;
	key->codec = codec;
	key->level = level;
}

static struct entry *find(const struct code_key *key)
{
	struct entry *e = cache.buckets[key->low % BUCKETS];

	while (e && memcmp(&e->key, key, sizeof(*key)))
		e = e->next;
	return e;
}

const void *code_cache_find(const struct code_key *key, size_t *bytes)
{
	struct entry *e;

	pthread_mutex_lock(&cache.lock);
	e = find(key);
	pthread_mutex_unlock(&cache.lock);
	if (!e)
		return NULL;
	*bytes = e->bytes;
	return e->stored;
}

void code_cache_add(const struct code_key *key, const void *stored, size_t bytes)
{
	struct entry *e;

	pthread_mutex_lock(&cache.lock);
	if (cache.bytes + bytes <= ROOM_BYTES && !find(key)) {
		e = malloc(sizeof(*e) + bytes);
		if (e) { /* without memory it is compressed again next time */
			e->key = *key;
			e->bytes = bytes;
			memcpy(e->stored, stored, bytes);
			e->next = cache.buckets[key->low % BUCKETS];
			cache.buckets[key->low % BUCKETS] = e;
			cache.bytes += bytes;
		}
	}
	pthread_mutex_unlock(&cache.lock);
}

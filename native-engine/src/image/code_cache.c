#include "code_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define ROOM_BYTES ((size_t)64 << 20)
#define BUCKETS 1024u

/* Entries are never removed: readers need no lock for what they have found. */
struct entry {
	struct entry *next;
	struct code_key key;
	bool filled; /* else another thread compresses it just now */
	size_t bytes;
	const uint8_t *stored; /* NULL: it does not become smaller, or there is no room */
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct entry *buckets[BUCKETS];
	size_t bytes;
} cache = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

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

static void add(struct entry *e, const struct code_key *key)
{
	e->key = *key;
	e->next = cache.buckets[key->low % BUCKETS];
	cache.buckets[key->low % BUCKETS] = e;
}

const void *code_cache_find(const struct code_key *key, size_t *bytes)
{
	const void *stored = NULL;
	struct entry *e;

	pthread_mutex_lock(&cache.lock);
	e = find(key);
	while (e && !e->filled) /* a few milliseconds of another thread's work, not done twice */
		pthread_cond_wait(&cache.changed, &cache.lock);
	if (e) {
		stored = e->stored;
		*bytes = e->bytes;
	} else if (cache.bytes + key->raw_bytes <= ROOM_BYTES && (e = calloc(1, sizeof(*e)))) {
		add(e, key);
	}
	pthread_mutex_unlock(&cache.lock);
	return stored;
}

void code_cache_lend(const struct code_key *key, const void *stored, size_t bytes)
{
	struct entry *e;

	pthread_mutex_lock(&cache.lock);
	e = find(key) ? NULL : calloc(1, sizeof(*e));
	if (e) {
		e->filled = true;
		e->stored = stored;
		e->bytes = bytes;
		add(e, key);
	}
	pthread_mutex_unlock(&cache.lock);
}

void code_cache_fill(const struct code_key *key, const void *stored, size_t bytes)
{
	struct entry *e;
	uint8_t *copy;

	pthread_mutex_lock(&cache.lock);
	e = find(key);
	if (e && !e->filled) {
		e->filled = true;
		copy = bytes ? malloc(bytes) : NULL;
		if (copy) { /* without memory it is compressed again next time */
			memcpy(copy, stored, bytes);
			e->stored = copy;
			e->bytes = bytes;
			cache.bytes += bytes;
		}
		pthread_cond_broadcast(&cache.changed);
	}
	pthread_mutex_unlock(&cache.lock);
}

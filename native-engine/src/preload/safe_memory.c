/*
 * Memory for hooks: no lock that a thread which stands still could hold. dmtcpalloc.h gives it to
 * containers.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "dmtcpalloc.h"

#define SMALLEST 16u
#define CLASSES 13 /* 16 bytes to 64 KiB */
#define CHUNK_BYTES (64u << 10)
#define LEAST_IN_CHUNK 8
#define PLACE_BITS 43 /* of an address of 47 bits, a multiple of 16 */

struct free_block {
	struct free_block *next;
};

/* What was given back. The rest of the word counts: the same block may come and go while one looks. */
static uint64_t lists[CLASSES];

static struct free_block *first(uint64_t list)
{
	return (struct free_block *)((list & ((1ull << PLACE_BITS) - 1)) << 4);
}

static uint64_t with_first(uint64_t list, const struct free_block *b)
{
	return ((list >> PLACE_BITS) + 1) << PLACE_BITS | (uintptr_t)b >> 4;
}

/* -1: too large for all of them. */
static int class_of(size_t bytes)
{
	for (int i = 0; i < CLASSES; i++)
		if (bytes <= (size_t)SMALLEST << i)
			return i;
	return -1;
}

static void put(uint64_t *list, struct free_block *from, struct free_block *to)
{
	uint64_t seen = __atomic_load_n(list, __ATOMIC_SEQ_CST);

	do {
		__atomic_store_n(&to->next, first(seen), __ATOMIC_RELAXED);
	} while (!__atomic_compare_exchange_n(list, &seen, with_first(seen, from), false,
					      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
}

/* What a block says that another thread has taken meanwhile is anything, and then not used. */
static void *take(uint64_t *list)
{
	uint64_t seen = __atomic_load_n(list, __ATOMIC_SEQ_CST);
	struct free_block *b;

	do {
		b = first(seen);
		if (!b)
			return NULL;
	} while (!__atomic_compare_exchange_n(
		list, &seen, with_first(seen, __atomic_load_n(&b->next, __ATOMIC_RELAXED)), false,
		__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	return b;
}

static void *map(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Never unmapped: see take(). */
static void *take_from_new(uint64_t *list, size_t block)
{
	size_t bytes = block * LEAST_IN_CHUNK > CHUNK_BYTES ? block * LEAST_IN_CHUNK : CHUNK_BYTES;
	char *chunk = map(bytes);

	if (!chunk)
		return NULL;
	for (size_t at = block; at + block < bytes; at += block)
		((struct free_block *)(chunk + at))->next = (void *)(chunk + at + block);
	put(list, (void *)(chunk + block), (void *)(chunk + bytes - block));
	return chunk;
}

void *dmtcp_memory_take(size_t bytes)
{
	int i = class_of(bytes), error = errno;
	void *p = i < 0 ? map(bytes) : take(&lists[i]);

	if (!p && i >= 0)
		p = take_from_new(&lists[i], (size_t)SMALLEST << i);
	errno = p ? error : ENOMEM;
	return p;
}

void dmtcp_memory_give(void *memory, size_t bytes)
{
	int i = class_of(bytes), error = errno;

	if (memory && i < 0)
		munmap(memory, bytes);
	else if (memory)
		put(&lists[i], memory, memory);
	errno = error;
}

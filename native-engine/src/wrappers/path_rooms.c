/* Room for names of files. No locks and no heap: handlers of signals and children of vfork(2) come here. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include "paths.h"

#define ROOMS 64 /* one bit each */

struct slab {
	struct slab *next;
	uint64_t taken;
	char rooms[ROOMS][PATH_MAX]; /* pages that nobody uses cost nothing */
};

static struct slab *slabs; /* only ever grows: as many as calls at once have needed */

static char *take_from(struct slab *s)
{
	uint64_t seen = __atomic_load_n(&s->taken, __ATOMIC_SEQ_CST);

	while (~seen) {
		int free = __builtin_ctzll(~seen);

		if (__atomic_compare_exchange_n(&s->taken, &seen, seen | 1ull << free, false,
						__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return s->rooms[free];
	}
	return NULL;
}

static char *take_from_new(void)
{
	struct slab *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			      -1, 0);

	if (s == MAP_FAILED)
		return NULL;
	s->taken = 1;
	s->next = __atomic_load_n(&slabs, __ATOMIC_SEQ_CST);
	while (!__atomic_compare_exchange_n(&slabs, &s->next, s, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_SEQ_CST))
		;
	return s->rooms[0];
}

char *path_room_take(void)
{
	char *room = NULL;

	for (struct slab *s = __atomic_load_n(&slabs, __ATOMIC_SEQ_CST); s && !room; s = s->next)
		room = take_from(s);
	return room ? room : take_from_new();
}

void path_room_give(char **room)
{
	for (struct slab *s = __atomic_load_n(&slabs, __ATOMIC_SEQ_CST); *room && s; s = s->next) {
		size_t at = (uintptr_t)*room - (uintptr_t)s->rooms;

		if (at >= sizeof(s->rooms))
			continue;
		__atomic_and_fetch(&s->taken, ~(1ull << at / PATH_MAX), __ATOMIC_SEQ_CST);
		*room = NULL;
	}
}

/*
 * victim: reservations of terabytes with a few pages in them
 * category: memory
 * variants: dynamic static
 */
#include "mapping.h"

#define TERABYTE (1ull << 40)
#define SHARED (32ull << 30) /* without a descriptor, finding its pages takes 50 ms per GiB */

static char *reserved, *noreserve, *shared;

static char *at(char *base, size_t bytes, unsigned int i)
{
	return base + i * (bytes / 16);
}

static void check(void)
{
	struct mapping_shown m;

	for (unsigned int i = 0; i < 16; i++) {
		victim_check(mapping_holds(at(noreserve, TERABYTE, i), 0, i));
		if (i)
			victim_check(mapping_holds(at(shared, SHARED, i), 0, 100 + i));
	}
	victim_check(mapping_holds(reserved + TERABYTE / 2, 0, 50));
	victim_check(mapping_show(reserved, &m) && !strcmp(m.permissions, "---p"));
	victim_check(mapping_show(reserved + TERABYTE / 2, &m) && m.end - m.start == 16 * PAGE);
	victim_check(mapping_has_flag(noreserve, "nr"));
}

int main(void)
{
	reserved = mapping_at(NULL, 4 * TERABYTE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	victim_check(mprotect(reserved + TERABYTE / 2, 16 * PAGE, PROT_READ | PROT_WRITE) == 0);
	mapping_fill(reserved + TERABYTE / 2, 0, 50);
	noreserve = mapping_at(NULL, TERABYTE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	shared = mapping_at(NULL, SHARED, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	for (unsigned int i = 0; i < 16; i++) {
		mapping_fill(at(noreserve, TERABYTE, i), 0, i);
		if (i)
			mapping_fill(at(shared, SHARED, i), 0, 100 + i);
	}
	return victim_run(check);
}

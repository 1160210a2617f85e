/*
 * victim: private anonymous memory: written, zeroed, given back, never touched, at odd addresses
 * category: memory
 * variants: dynamic static
 */
#include "mapping.h"

#define PAGES 300

static char *area, *low, *high;

static void check(void)
{
	for (size_t i = 0; i < PAGES; i++) {
		if (i % 5 == 3 || i % 5 == 4)
			victim_check(mapping_is_zero(area, i));
		else
			victim_check(mapping_holds(area, i, 1));
	}
	victim_check(mapping_holds(low, 0, 2) && mapping_holds(high, 0, 3));
}

int main(void)
{
	area = mapping_private(PAGES * PAGE);
	for (size_t i = 0; i < PAGES; i++) {
		if (i % 5 == 4)
			continue; /* never touched */
		mapping_fill(area, i, 1);
		if (i % 5 == 3 && i % 2)
			memset(area + i * PAGE, 0, PAGE);
		else if (i % 5 == 3)
			victim_check(madvise(area + i * PAGE, PAGE, MADV_DONTNEED) == 0);
	}
	low = mapping_at((void *)0x12345000, PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	high = mapping_at((void *)0x7fffffffe000 - 0x6000000000, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	mapping_fill(low, 0, 2);
	mapping_fill(high, 0, 3);
	return victim_run(check);
}

/*
 * victim: 20,000 mappings
 * category: memory
 */
#include "mapping.h"

#define COUNT 20000

static char *area;

static void check(void)
{
	for (size_t i = 0; i < COUNT; i++)
		victim_check(*(uint32_t *)(area + i * PAGE + 64) == i + 1);
}

int main(void)
{
	area = mapping_private(COUNT * PAGE);
	for (size_t i = 0; i < COUNT; i++) {
		*(uint32_t *)(area + i * PAGE + 64) = i + 1;
		if (i % 2)
			victim_check(mprotect(area + i * PAGE, PAGE, PROT_READ) == 0);
	}
	return victim_run(check);
}

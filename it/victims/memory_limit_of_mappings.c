/*
 * victim: as many mappings as a process may have
 * category: memory
 */
#include <stdint.h>
#include <sys/mman.h>

#include "victim.h"

#define SPARE 100 /* for a C library that wants some too */

static unsigned char *area;
static size_t count;

static void check(void)
{
	for (size_t n = 0; n < count; n += 7)
		victim_check(area[n * 4096] == (unsigned char)n);
}

int main(void)
{
	size_t limit = 65530, made;
	FILE *file = fopen("/proc/sys/vm/max_map_count", "r");

	if (file && fscanf(file, "%zu", &limit) != 1)
		limit = 65530;
	if (file)
		fclose(file);
	if (limit > 100000)
		limit = 100000;
	count = limit - SPARE;
	area = mmap(NULL, count * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	victim_check(area != MAP_FAILED);
	for (size_t n = 0; n < count; n++)
		area[n * 4096] = n;
	for (made = 0; made < count; made += 2)
		victim_check(!mprotect(area + made * 4096, 4096, PROT_READ));
	return victim_run(check);
}

/*
 * victim: stacks that grow: the main stack and a MAP_GROWSDOWN mapping
 * category: memory
 */
#include "mapping.h"

#define AREA (64 * PAGE)

static char *edge; /* lowest page of the growing mapping so far */
static volatile char *marker;

static __attribute__((noinline)) unsigned long deep(unsigned int depth)
{
	volatile char page[4096];

	page[0] = (char)depth;
	page[4095] = (char)depth;
	return depth ? deep(depth - 1) + (unsigned char)page[0] : 0;
}

static void check(void)
{
	struct mapping_shown m;

	victim_check(deep(1500) > 0); /* 6 MB, more than was there at the checkpoint */
	victim_check(*marker == 77);
	victim_check(mapping_show(&m, &m) && !strcmp(m.path, "[stack]"));
	victim_check(mapping_has_flag(edge, "gd"));
}

int main(void)
{
	/* room below it, so that it can grow */
	char *room = mapping_at(NULL, 1024 * PAGE + AREA, PROT_NONE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	victim_check(munmap(room, 1024 * PAGE + AREA) == 0);
	edge = mapping_at(room + 1024 * PAGE, AREA, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED_NOREPLACE, -1, 0);
	marker = edge + AREA - 1;
	*marker = 77;
	victim_ready();
	do
		victim_check(*marker == 77);
	while (victim_tick());
	check();
	edge[-100] = 5; /* grows by a page */
	victim_check(edge[-100] == 5 && mapping_has_flag(edge - 100, "gd"));
	return victim_ok();
}

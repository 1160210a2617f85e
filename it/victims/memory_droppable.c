/*
 * victim: droppable memory, as of the C library's random numbers
 * category: memory
 * remark: its content is never saved: two restarts must not draw the same random numbers
 */
#include "mapping.h"

#define DROPPABLE 0x08 /* MAP_DROPPABLE, Linux 6.11 */

static char *area;

static void check(void)
{
	if (area == MAP_FAILED)
		return;
	victim_check(mapping_has_flag(area, "dp") && mapping_has_flag(area, "wf"));
	area[0] = 1;
	area[PAGE] = 2;
}

int main(void)
{
	area = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | DROPPABLE, -1, 0);
	return victim_run(check);
}

/*
 * victim: pages in common in a reservation so wide that dmtcp_restart itself is often in its way
 * category: memory
 */
#include "family.h"
#include "mapping.h"

#define WIDTH (8ul << 40)
#define PAGES 512

static char *area;
static int own; /* what this process has changed */

static void check(void)
{
	for (size_t i = 0; i < PAGES; i++)
		victim_check(mapping_holds(area, i, i % 32 == 3 ? 2 + own : 1));
	victim_check(mapping_holds(area + WIDTH - PAGE, 0, 2 + own));
}

static void change(int number)
{
	own = number;
	for (size_t i = 3; i < PAGES; i += 32)
		mapping_fill(area, i, 2 + own);
	mapping_fill(area + WIDTH - PAGE, 0, 2 + own);
}

int main(void)
{
	family_start();
	area = mapping_at(NULL, WIDTH, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	for (size_t i = 0; i < PAGES; i++)
		mapping_fill(area, i, 1);
	for (int i = 1; i <= 2; i++)
		if (fork() == 0) {
			change(i);
			family_live(check);
		}
	family_await(2);
	change(0);
	return family_run(check);
}

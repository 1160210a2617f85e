/*
 * victim: guard pages (MADV_GUARD_INSTALL)
 * category: memory
 * remark: on kernels before 6.13 there are none: nothing to check
 */
#include "mapping.h"

#define GUARD_INSTALL 102
#define GUARD_REMOVE 103

static char *area;
static bool guarded;

static void check(void)
{
	for (int i = 0; i < 32; i++) {
		bool guard = guarded && (i == 3 || i == 4 || i == 20);

		victim_check(mapping_fault(area + i * PAGE) == (guard ? SIGSEGV : 0));
		if (!guard && i % 2)
			victim_check(mapping_holds(area, i, 1));
	}
}

int main(void)
{
	area = mapping_private(32 * PAGE);
	for (int i = 1; i < 32; i += 2)
		mapping_fill(area, i, 1);
	guarded = madvise(area + 3 * PAGE, 2 * PAGE, GUARD_INSTALL) == 0 &&
		  madvise(area + 20 * PAGE, PAGE, GUARD_INSTALL) == 0;
	victim_run(check);
	if (guarded) { /* they are real markers: they can be taken away, and the page is empty */
		victim_check(madvise(area + 3 * PAGE, PAGE, GUARD_REMOVE) == 0);
		victim_check(mapping_is_zero(area, 3));
	}
	return 0;
}

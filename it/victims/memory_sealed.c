/*
 * victim: sealed memory (mseal)
 * category: memory
 * remark: on kernels before 6.10 there is none: nothing to check
 */
#include <sys/syscall.h>

#include "mapping.h"

static char *area;
static bool sealed;

static void check(void)
{
	victim_check(mapping_holds(area, 1, 1));
	if (sealed)
		victim_check(mprotect(area, PAGE, PROT_NONE) < 0 && errno == EPERM);
}

int main(void)
{
	area = mapping_private(4 * PAGE);
	mapping_fill(area, 1, 1);
	sealed = syscall(462, area, 4 * PAGE, 0) == 0;
	return victim_run(check);
}

/*
 * victim: locked memory: mlock, mlock2(MLOCK_ONFAULT)
 * category: memory
 */
#include "mapping.h"

static char *locked, *on_fault;

static void check(void)
{
	struct mapping_shown m;

	victim_check(mapping_has_flag(locked, "lo") && !mapping_has_flag(locked, "lf"));
	/* proportional: while a checkpoint reads a snapshot, half of it is the snapshot's */
	victim_check(mapping_show(locked, &m) && m.locked_kb >= 16 && m.locked_kb <= 32);
	victim_check(mapping_has_flag(on_fault, "lo") && mapping_has_flag(on_fault, "lf"));
	victim_check(mapping_holds(locked, 3, 1) && mapping_holds(on_fault, 2, 2));
}

int main(void)
{
	locked = mapping_private(8 * PAGE);
	on_fault = mapping_private(8 * PAGE);
	mapping_fill(locked, 3, 1);
	victim_check(mlock(locked, 8 * PAGE) == 0);
	victim_check(mlock2(on_fault, 8 * PAGE, MLOCK_ONFAULT) == 0);
	mapping_fill(on_fault, 2, 2);
	return victim_run(check);
}

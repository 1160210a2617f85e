/*
 * victim: names of anonymous memory (PR_SET_VMA_ANON_NAME)
 * category: memory
 */
#include <sys/prctl.h>

#include "mapping.h"

#define SET_VMA 0x53564d41 /* PR_SET_VMA, Linux 5.17 */

static char *private, *shared;
static bool named, shared_named;

static void check(void)
{
	struct mapping_shown m;

	if (named)
		victim_check(mapping_show(private, &m) && !strcmp(m.path, "[anon:my memory]"));
	if (shared_named)
		victim_check(mapping_show(shared, &m) && strstr(m.path, "ours"));
	victim_check(mapping_holds(private, 1, 1) && mapping_holds(shared, 1, 2));
}

int main(void)
{
	private = mapping_private(4 * PAGE);
	shared = mapping_shared(4 * PAGE);
	mapping_fill(private, 1, 1);
	mapping_fill(shared, 1, 2);
	named = prctl(SET_VMA, 0, private, 4 * PAGE, "my memory") == 0;
	shared_named = prctl(SET_VMA, 0, shared, 4 * PAGE, "ours") == 0;
	return victim_run(check);
}

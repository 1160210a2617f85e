/*
 * victim: umask
 * category: process
 */
#include <sys/stat.h>

#include "victim.h"

static void check(void)
{
	mode_t mask = umask(0); /* the only way to read it */

	umask(mask);
	victim_check(mask == 0137);
}

int main(void)
{
	umask(0137);
	return victim_run(check);
}

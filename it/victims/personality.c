/*
 * victim: personality flags
 * category: process
 */
#include <sys/personality.h>

#include "victim.h"

static void check(void)
{
	victim_check(personality(0xffffffff) == (ADDR_NO_RANDOMIZE | MMAP_PAGE_ZERO));
}

int main(void)
{
	victim_check(personality(ADDR_NO_RANDOMIZE | MMAP_PAGE_ZERO) >= 0);
	return victim_run(check);
}

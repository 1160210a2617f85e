/*
 * victim: sixty-four small processes
 * category: tree
 */
#include "family.h"

#define COUNT 64

int main(void)
{
	family_start();
	for (int i = 0; i < COUNT; i++)
		if (fork() == 0)
			family_live(NULL);
	family_await(COUNT);
	return family_run(NULL);
}

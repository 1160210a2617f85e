/*
 * victim: children and grandchildren
 * category: tree
 * variants: dynamic static
 */
#include "family.h"

int main(void)
{
	family_start();
	for (int i = 0; i < 3; i++) {
		if (fork())
			continue;
		if (fork() == 0)
			family_live(NULL);
		family_live(NULL);
	}
	family_await(6);
	return family_run(NULL);
}

/*
 * victim: a chain of thirty processes
 * category: tree
 */
#include "family.h"

#define DEPTH 30

int main(void)
{
	family_start();
	for (int i = 0; i < DEPTH; i++) {
		if (fork() == 0)
			continue;
		if (i == 0) {
			family_await(DEPTH);
			return family_run(NULL);
		}
		family_live(NULL);
	}
	family_live(NULL);
}

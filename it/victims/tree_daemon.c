/*
 * victim: a daemon that has left the tree
 * category: tree
 */
#include "family.h"

int main(void)
{
	family_start();
	family_start_daemon(NULL);
	return family_run(NULL);
}

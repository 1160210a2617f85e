/*
 * victim: working directory
 * category: process
 */
#include <sys/stat.h>

#include "victim.h"

static char before[4096];

static void check(void)
{
	char now[4096];
	struct stat a, b;

	victim_check(getcwd(now, sizeof(now)) && !strcmp(now, before));
	victim_check(stat(".", &a) == 0 && stat(before, &b) == 0);
	victim_check(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	victim_check(access("marker", F_OK) == 0);
}

int main(void)
{
	victim_check(mkdir("a b\"c", 0700) == 0 || errno == EEXIST);
	victim_check(chdir("a b\"c") == 0 && (mkdir("marker", 0700) == 0 || errno == EEXIST));
	victim_check(getcwd(before, sizeof(before)) != NULL);
	return victim_run(check);
}

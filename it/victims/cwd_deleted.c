/*
 * victim: a current directory that has been removed
 * category: process
 */
#include <sys/stat.h>

#include "victim.h"

static void check(void)
{
	char path[4096];
	struct stat here;

	victim_check(getcwd(path, sizeof(path)) == NULL && errno == ENOENT);
	victim_check(stat(".", &here) == 0 && S_ISDIR(here.st_mode));
	victim_check(mkdir("new", 0700) < 0 && errno == ENOENT);
}

int main(void)
{
	victim_check(mkdir("away", 0700) == 0);
	victim_check(chdir("away") == 0);
	victim_check(rmdir("../away") == 0);
	return victim_run(check);
}

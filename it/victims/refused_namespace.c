/*
 * victim: a user and a mount namespace of its own
 * category: process
 * refused: process \d+ \(refused_namespa\) has a user namespace of its own
 */
#include <sched.h>
#include <sys/stat.h>

#include "victim.h"

static struct stat before;

static void check(void)
{
	struct stat now;

	victim_check(stat("/proc/self/ns/user", &now) == 0 && now.st_ino != before.st_ino);
}

int main(void)
{
	victim_check(stat("/proc/self/ns/user", &before) == 0);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		victim_unavailable("user namespace: %s", strerror(errno));
	return victim_run(check);
}

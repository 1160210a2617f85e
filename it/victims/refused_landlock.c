/*
 * victim: a rule set of Landlock
 * category: descriptors
 * refused: process \d+: descriptor \d+ \(anon_inode:\[landlock-ruleset\]\) cannot be captured: it is a Landlock
 */
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>

#include "victim.h"

static int fd;

static void check(void)
{
	victim_check(fcntl(fd, F_GETFD) >= 0);
}

int main(void)
{
	struct landlock_ruleset_attr attributes = {
		.handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE,
	};

	fd = syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0);
	if (fd < 0)
		victim_unavailable("landlock: %s", strerror(errno));
	return victim_run(check);
}

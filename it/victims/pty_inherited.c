/*
 * victim: a terminal that is inherited over exec
 * category: terminal
 */
#include <fcntl.h>
#include <stdlib.h>

#include "victim.h"

static int inherited, closed;

static void check(void)
{
	victim_check(fcntl(inherited, F_GETFD) == 0);
	victim_check(fcntl(closed, F_GETFD) == FD_CLOEXEC);
	/* What TIOCGPTPEER is asked for stays in the open file, and shows in fdinfo of every number. */
	victim_check(!(fcntl(inherited, F_GETFL) & O_CLOEXEC));
}

int main(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);

	victim_check(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	inherited = open(ptsname(master), O_RDWR | O_NOCTTY);
	victim_check(inherited >= 0);
	closed = fcntl(inherited, F_DUPFD_CLOEXEC, 0);
	victim_check(closed >= 0);
	return victim_run(check);
}

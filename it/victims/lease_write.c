/*
 * victim: a lease on a file that is open only for writing
 * category: descriptors
 */
#include <fcntl.h>

#include "victim.h"

static int writer;

/* Whoever opens the file meanwhile breaks the lease: then SIGIO ends this program. */
static void check(void)
{
	victim_check(fcntl(writer, F_GETLEASE) == F_WRLCK);
}

int main(void)
{
	writer = open("w", O_CREAT | O_WRONLY, 0600);
	victim_check(writer >= 0 && write(writer, "lease", 5) == 5);
	victim_check(!fcntl(writer, F_SETLEASE, F_WRLCK));
	return victim_run(check);
}

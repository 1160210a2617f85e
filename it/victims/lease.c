/*
 * victim: file leases
 * category: descriptors
 */
#include <fcntl.h>

#include "victim.h"

static int reader, writer;

static void check(void)
{
	victim_check(fcntl(reader, F_GETLEASE) == F_RDLCK);
	victim_check(fcntl(writer, F_GETLEASE) == F_WRLCK);
}

int main(void)
{
	close(open("r", O_CREAT | O_WRONLY, 0600));
	close(open("w", O_CREAT | O_WRONLY, 0600));
	reader = open("r", O_RDONLY);
	writer = open("w", O_RDWR);
	victim_check(reader >= 0 && writer >= 0);
	victim_check(!fcntl(reader, F_SETLEASE, F_RDLCK) && !fcntl(writer, F_SETLEASE, F_WRLCK));
	return victim_run(check);
}

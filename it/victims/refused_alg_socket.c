/*
 * victim: a socket of the crypto interface
 * category: sockets
 * refused: process \d+: descriptor \d+ \(socket:\[\d+\].*\) cannot be captured
 */
#include <fcntl.h>
#include <sys/socket.h>

#include "victim.h"

static int fd;

static void check(void)
{
	victim_check(fcntl(fd, F_GETFD) >= 0);
}

int main(void)
{
	fd = socket(38, SOCK_SEQPACKET, 0); /* AF_ALG */
	if (fd < 0)
		victim_unavailable("AF_ALG: %s", strerror(errno));
	return victim_run(check);
}

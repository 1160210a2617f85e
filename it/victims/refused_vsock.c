/*
 * victim: a socket to a virtual machine (vsock)
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
	fd = socket(AF_VSOCK, SOCK_STREAM, 0);
	if (fd < 0)
		victim_unavailable("AF_VSOCK: %s", strerror(errno));
	return victim_run(check);
}

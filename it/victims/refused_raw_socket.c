/*
 * victim: a raw socket
 * category: sockets
 * refused: process \d+: descriptor \d+ \(socket:\[\d+\] RAW\) cannot be captured
 * needs: root
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "victim.h"

static int fd;

static void check(void)
{
	victim_check(fcntl(fd, F_GETFD) >= 0);
}

int main(void)
{
	fd = socket(AF_INET, SOCK_RAW, 253); /* for experiments: RFC 3692 */
	if (fd < 0)
		victim_unavailable("raw socket: %s", strerror(errno));
	return victim_run(check);
}

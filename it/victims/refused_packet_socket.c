/*
 * victim: a packet socket
 * category: sockets
 * refused: process \d+: descriptor \d+ \(socket:\[\d+\] PACKET\) cannot be captured
 * needs: root
 */
#include <fcntl.h>
#include <linux/if_ether.h>
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
	fd = socket(AF_PACKET, SOCK_DGRAM, 0);
	if (fd < 0)
		victim_unavailable("packet socket: %s", strerror(errno));
	return victim_run(check);
}

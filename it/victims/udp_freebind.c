/*
 * victim: sockets bound to addresses that this host does not have (IP_FREEBIND)
 * category: sockets
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "victim.h"

static int datagrams, stream;

static void expect(int fd)
{
	struct sockaddr_in name;
	socklen_t length = sizeof(name);
	int on = 0;

	victim_check(!getsockname(fd, (struct sockaddr *)&name, &length));
	victim_check(name.sin_addr.s_addr == inet_addr("192.0.2.77"));
	length = sizeof(on);
	victim_check(!getsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, &length) && on == 1);
}

static void check(void)
{
	expect(datagrams);
	expect(stream);
}

static int make(int type)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	int fd = socket(AF_INET, type, 0), on = 1;

	name.sin_addr.s_addr = inet_addr("192.0.2.77");
	victim_check(!setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)));
	victim_check(!bind(fd, (struct sockaddr *)&name, sizeof(name)));
	return fd;
}

int main(void)
{
	datagrams = make(SOCK_DGRAM);
	stream = make(SOCK_STREAM);
	victim_check(!listen(stream, 3));
	return victim_run(check);
}

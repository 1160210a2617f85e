/*
 * victim: options of TCP, UDP and Unix sockets; accepted ones have others than their listener
 * category: sockets
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "victim.h"

#define SOCKETS 17
#define OPTIONS_AT_MOST 64

struct option {
	int level, name, value;
};

/* Where the kernel refuses one, or has no such option, there is nothing to keep. */
static const struct option wanted[] = {
	{ SOL_SOCKET, SO_KEEPALIVE, 1 },
	{ SOL_SOCKET, SO_PRIORITY, 3 },
	{ SOL_SOCKET, SO_TIMESTAMPNS, 1 },
	{ SOL_SOCKET, SO_SELECT_ERR_QUEUE, 1 },
	{ SOL_SOCKET, SO_ZEROCOPY, 1 },
	{ SOL_SOCKET, SO_NOFCS, 1 },
	{ SOL_SOCKET, SO_MAX_PACING_RATE, 123456789 },
	{ SOL_SOCKET, 74 /* SO_TXREHASH */, 0 },
	{ SOL_SOCKET, 76 /* SO_PASSPIDFD */, 1 },
	{ SOL_SOCKET, 82 /* SO_RCVPRIORITY */, 1 },
	{ SOL_SOCKET, 83 /* SO_PASSRIGHTS */, 0 },
	{ IPPROTO_IP, IP_TOS, 0x10 },
	{ IPPROTO_IP, IP_TTL, 33 },
	{ IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE },
	{ IPPROTO_IP, IP_RECVTTL, 1 },
	{ IPPROTO_IP, IP_RECVOPTS, 1 },
	{ IPPROTO_IP, IP_RECVORIGDSTADDR, 1 },
	{ IPPROTO_IP, IP_RECVERR_RFC4884, 1 },
	{ IPPROTO_IP, IP_MINTTL, 5 },
	{ IPPROTO_IP, IP_MULTICAST_LOOP, 0 },
	{ IPPROTO_IP, 51 /* IP_LOCAL_PORT_RANGE */, 50000 << 16 | 40000 },
	{ IPPROTO_IPV6, IPV6_UNICAST_HOPS, 44 },
	{ IPPROTO_IPV6, IPV6_RECVHOPOPTS, 1 },
	{ IPPROTO_IPV6, IPV6_RECVDSTOPTS, 1 },
	{ IPPROTO_IPV6, IPV6_RECVRTHDR, 1 },
	{ IPPROTO_IPV6, IPV6_RECVPATHMTU, 1 },
	{ IPPROTO_IPV6, IPV6_RECVFRAGSIZE, 1 },
	{ IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, 1 },
	{ IPPROTO_IPV6, IPV6_2292HOPLIMIT, 1 },
	{ IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0 },
	{ IPPROTO_IPV6, IPV6_DONTFRAG, 1 },
	{ IPPROTO_IPV6, IPV6_MINHOPCOUNT, 5 },
	{ IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 0 },
	{ IPPROTO_TCP, TCP_NODELAY, 1 },
	{ IPPROTO_TCP, TCP_KEEPIDLE, 77 },
	{ IPPROTO_TCP, TCP_INQ, 1 },
	{ IPPROTO_TCP, TCP_SAVE_SYN, 1 },
	{ IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1 },
	{ IPPROTO_UDP, 101 /* UDP_NO_CHECK6_TX */, 1 },
	{ IPPROTO_UDP, 103 /* UDP_SEGMENT */, 500 },
	{ IPPROTO_UDP, 104 /* UDP_GRO */, 1 },
};

static struct {
	int fd;
	int values[OPTIONS_AT_MOST];
	char device[16];
} sockets[SOCKETS];
static unsigned int count;

static int value_of(int fd, const struct option *o)
{
	int value = 0;
	socklen_t length = sizeof(value);

	return getsockopt(fd, o->level, o->name, &value, &length) ? -1 : value;
}

static void device_of(int fd, char name[16])
{
	socklen_t length = 16;

	memset(name, 0, 16);
	victim_check(!getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &length));
}

static void check(void)
{
	for (unsigned int n = 0; n < count; n++) {
		char device[16];

		for (size_t k = 0; k < sizeof(wanted) / sizeof(*wanted); k++) {
			int value = value_of(sockets[n].fd, &wanted[k]);

			if (value != sockets[n].values[k])
				victim_bad("socket %u: option %d %d is %d instead of %d", n,
					   wanted[k].level, wanted[k].name, value,
					   sockets[n].values[k]);
		}
		device_of(sockets[n].fd, device);
		if (strcmp(device, sockets[n].device))
			victim_bad("socket %u: bound to '%s' instead of '%s'", n, device,
				   sockets[n].device);
	}
}

/* Remembers @fd, all its options @set before or left as they are. */
static int keep(int fd, bool set)
{
	victim_check(fd >= 0 && count < SOCKETS);
	for (size_t k = 0; set && k < sizeof(wanted) / sizeof(*wanted); k++)
		setsockopt(fd, wanted[k].level, wanted[k].name, &wanted[k].value,
			   sizeof(wanted[k].value));
	if (set)
		setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3);
	for (size_t k = 0; k < sizeof(wanted) / sizeof(*wanted); k++)
		sockets[count].values[k] = value_of(fd, &wanted[k]);
	device_of(fd, sockets[count].device);
	sockets[count++].fd = fd;
	return fd;
}

/* Takes away what @fd has inherited from its listener. */
static void plain_again(int fd, int family)
{
	int fresh = socket(family, SOCK_STREAM, 0);

	for (size_t k = 0; k < sizeof(wanted) / sizeof(*wanted); k++) {
		int value = value_of(fresh, &wanted[k]);

		if (value != value_of(fd, &wanted[k]))
			setsockopt(fd, wanted[k].level, wanted[k].name, &value, sizeof(value));
	}
	close(fresh);
}

static void make_inet(int family)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6,
				    .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in four = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr *address = family == AF_INET6 ? (void *)&six : (void *)&four;
	socklen_t length = family == AF_INET6 ? sizeof(six) : sizeof(four);
	int listener = socket(family, SOCK_STREAM, 0), udp, accepted;

	victim_check(!bind(listener, address, length));
	keep(listener, true);
	victim_check(!listen(listener, 4) && !getsockname(listener, address, &length));
	for (int n = 0; n < 2; n++) {
		int client = socket(family, SOCK_STREAM, 0);

		victim_check(!connect(client, address, length));
		accepted = accept(listener, NULL, NULL);
		victim_check(accepted >= 0);
		keep(client, n);
		plain_again(accepted, family);
		keep(accepted, n);
	}
	keep(socket(family, SOCK_DGRAM, 0), true);
	udp = socket(family, SOCK_DGRAM, 0);
	four.sin_port = six.sin6_port = 0;
	victim_check(!bind(udp, address, length));
	keep(udp, true);
}

int main(void)
{
	int pair[2];

	make_inet(AF_INET);
	make_inet(AF_INET6);
	victim_check(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	keep(pair[0], true);
	keep(pair[1], false);
	keep(socket(AF_UNIX, SOCK_DGRAM, 0), true);
	return victim_run(check);
}

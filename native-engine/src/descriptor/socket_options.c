#include "socket_options.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "multicast.h"

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72 /* asm-generic/socket.h, Linux 5.15 */
#endif
#define SOCK_SNDBUF_LOCK 1
#define SOCK_RCVBUF_LOCK 2

struct known_option {
	int level, name;
	int usual; /* of a new socket: not worth a record */
	bool early;
	int family, type; /* 0: all */
};

static const struct known_option known[] = {
	{ SOL_SOCKET, SO_REUSEADDR, 0, true, 0, 0 },
	{ SOL_SOCKET, SO_REUSEPORT, 0, true, 0, 0 },
	{ SOL_SOCKET, SO_KEEPALIVE, 0, false, 0, 0 },
	{ SOL_SOCKET, SO_OOBINLINE, 0, false, 0, 0 },
	{ SOL_SOCKET, SO_BROADCAST, 0, false, 0, 0 },
	{ SOL_SOCKET, SO_DONTROUTE, 0, false, 0, 0 },
	{ SOL_SOCKET, SO_PRIORITY, 0, false, 0, 0 },
	{ SOL_SOCKET, SO_MARK, 0, true, 0, 0 },
	{ SOL_SOCKET, SO_RCVLOWAT, 1, false, 0, 0 },
	{ SOL_SOCKET, SO_PASSCRED, 0, false, AF_UNIX, 0 },
	{ SOL_SOCKET, SO_PASSSEC, 0, false, AF_UNIX, 0 },
	{ SOL_SOCKET, SO_PEEK_OFF, -1, false, 0, 0 },
	{ SOL_SOCKET, SO_TIMESTAMP, 0, false, 0, 0 },
	{ SOL_SOCKET, SO_TIMESTAMPNS, 0, false, 0, 0 },
	{ SOL_SOCKET, SO_TIMESTAMPING, 0, false, 0, 0 },
	{ SOL_SOCKET, SO_RXQ_OVFL, 0, false, 0, 0 },
	{ SOL_SOCKET, SO_NO_CHECK, 0, false, 0, 0 },
	{ SOL_SOCKET, SO_BUSY_POLL, 0, false, 0, 0 },
	{ IPPROTO_IPV6, IPV6_V6ONLY, 0, true, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_TCLASS, 0, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_RECVPKTINFO, 0, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_RECVTCLASS, 0, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 0, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_RECVERR, 0, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_MULTICAST_IF, 0, false, AF_INET6, SOCK_DGRAM },
	{ IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 1, false, AF_INET6, SOCK_DGRAM },
	{ IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1, false, AF_INET6, SOCK_DGRAM },
	{ IPPROTO_IP, IP_TOS, 0, false, AF_INET, 0 },
	{ IPPROTO_IP, IP_RECVERR, 0, false, AF_INET, 0 },
	{ IPPROTO_IP, IP_PKTINFO, 0, false, AF_INET, 0 },
	{ IPPROTO_IP, IP_RECVTOS, 0, false, AF_INET, 0 },
	{ IPPROTO_IP, IP_RECVTTL, 0, false, AF_INET, 0 },
	{ IPPROTO_IP, IP_MULTICAST_IF, 0, false, AF_INET, SOCK_DGRAM },
	{ IPPROTO_IP, IP_MULTICAST_ALL, 1, false, AF_INET, SOCK_DGRAM },
	{ IPPROTO_IP, IP_FREEBIND, 0, true, AF_INET, 0 },
	{ IPPROTO_IP, IP_TRANSPARENT, 0, true, AF_INET, 0 },
	{ IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 0, true, AF_INET, 0 },
	{ IPPROTO_TCP, TCP_NODELAY, 0, false, -1, SOCK_STREAM },
	{ IPPROTO_TCP, TCP_CORK, 0, false, -1, SOCK_STREAM },
	{ IPPROTO_TCP, TCP_KEEPIDLE, 7200, false, -1, SOCK_STREAM },
	{ IPPROTO_TCP, TCP_KEEPINTVL, 75, false, -1, SOCK_STREAM },
	{ IPPROTO_TCP, TCP_KEEPCNT, 9, false, -1, SOCK_STREAM },
	{ IPPROTO_TCP, TCP_SYNCNT, 6, true, -1, SOCK_STREAM },
	{ IPPROTO_TCP, TCP_LINGER2, 60, false, -1, SOCK_STREAM },
	{ IPPROTO_TCP, TCP_DEFER_ACCEPT, 0, false, -1, SOCK_STREAM },
	{ IPPROTO_TCP, TCP_USER_TIMEOUT, 0, false, -1, SOCK_STREAM },
	{ IPPROTO_TCP, TCP_NOTSENT_LOWAT, 0, false, -1, SOCK_STREAM },
	{ IPPROTO_TCP, TCP_FASTOPEN, 0, true, -1, SOCK_STREAM },
	{ IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 0, false, -1, SOCK_STREAM },
};

/* Of families that run over IP. */
static bool is_inet(int family)
{
	return family == AF_INET || family == AF_INET6;
}

static void add(struct buffer *out, uint32_t *count, int level, int name, bool early,
		const void *value, uint32_t bytes)
{
	struct socket_option o = { .level = level, .name = name, .bytes = bytes, .early = early };

	memcpy(o.value, value, bytes);
	buffer_append(out, &o, sizeof(o));
	++*count;
}

/*
 * SNDBUF and RCVBUF only when the program has set them: setting one ends the kernel's own tuning.
 */
static void capture_buffers(int fd, struct buffer *out, uint32_t *count)
{
	static const struct {
		int name, locked;
	} sizes[] = { { SO_SNDBUF, SOCK_SNDBUF_LOCK }, { SO_RCVBUF, SOCK_RCVBUF_LOCK } };
	socklen_t length = sizeof(int);
	int locks = 0, value;

	if (getsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &locks, &length))
		return;
	for (int n = 0; n < 2; n++) {
		length = sizeof(value);
		if (!(locks & sizes[n].locked) ||
		    getsockopt(fd, SOL_SOCKET, sizes[n].name, &value, &length))
			continue;
		value /= 2; /* socket(7): the kernel doubles what is set */
		add(out, count, SOL_SOCKET, sizes[n].name, true, &value, sizeof(value));
	}
}

static void capture_structs(int fd, struct buffer *out, uint32_t *count)
{
	static const int times[] = { SO_RCVTIMEO, SO_SNDTIMEO };
	struct linger linger;
	struct timeval time;
	socklen_t length = sizeof(linger);

	if (!getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &length) && linger.l_onoff)
		add(out, count, SOL_SOCKET, SO_LINGER, false, &linger, sizeof(linger));
	for (int n = 0; n < 2; n++) {
		length = sizeof(time);
		if (!getsockopt(fd, SOL_SOCKET, times[n], &time, &length) &&
		    (time.tv_sec || time.tv_usec))
			add(out, count, SOL_SOCKET, times[n], false, &time, sizeof(time));
	}
}

/* What has no fixed default is compared with that of any host: TTL 64, path MTU discovery. */
static void capture_inet(int fd, int family, int type, struct buffer *out, uint32_t *count)
{
	static const struct {
		int family, level, name, usual;
	} hops[] = {
		{ AF_INET, IPPROTO_IP, IP_TTL, 64 },
		{ AF_INET, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_WANT },
		{ AF_INET, IPPROTO_IP, IP_MULTICAST_TTL, 1 },
		{ AF_INET, IPPROTO_IP, IP_MULTICAST_LOOP, 1 },
		{ AF_INET6, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 64 },
		{ AF_INET6, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_WANT },
	};
	char name[SOCKET_OPTION_BYTES];
	socklen_t length;

	for (size_t n = 0; n < sizeof(hops) / sizeof(*hops); n++) {
		int value = 0;

		length = sizeof(value);
		if (hops[n].family == family &&
		    !getsockopt(fd, hops[n].level, hops[n].name, &value, &length) &&
		    value != hops[n].usual)
			add(out, count, hops[n].level, hops[n].name, false, &value, sizeof(value));
	}
	length = sizeof(name);
	if (type == SOCK_STREAM && !getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length))
		add(out, count, IPPROTO_TCP, TCP_CONGESTION, false, name, strnlen(name, length));
}

uint32_t socket_options_capture(int fd, int family, int type, struct buffer *out)
{
	uint32_t count = 0;

	for (size_t n = 0; n < sizeof(known) / sizeof(*known); n++) {
		const struct known_option *k = &known[n];
		socklen_t length = sizeof(int);
		int value = 0;

		if ((k->family > 0 && k->family != family) || (k->family < 0 && !is_inet(family)) ||
		    (k->type && k->type != type))
			continue;
		if (!getsockopt(fd, k->level, k->name, &value, &length) && value != k->usual)
			add(out, &count, k->level, k->name, k->early, &value, sizeof(value));
	}
	capture_buffers(fd, out, &count);
	capture_structs(fd, out, &count);
	if (is_inet(family))
		capture_inet(fd, family, type, out, &count);
	return count;
}

void socket_options_restore(int fd, const struct socket_option *options, uint32_t count, bool early)
{
	struct multicast_place place = { 0 };

	for (uint32_t n = 0; n < count; n++) {
		struct socket_option o;

		memcpy(&o, &options[n], sizeof(o));
		if (!!o.early != early || o.bytes > sizeof(o.value))
			continue;
		if (o.level == MULTICAST_LEVEL) {
			multicast_restore(fd, &o, &place);
			continue;
		}
		/* SO_MARK and the like need a privilege that may be missing here. */
		setsockopt(fd, o.level, o.name, o.value, o.bytes);
	}
}

#include "socket_options.h"

#include <errno.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "multicast.h"
#include "socket_filter.h"
#include "tcp_info.h"

struct known_option {
	int level, name;
	int usual; /* of a new socket: not worth a record */
	bool early;
	int family, type; /* 0: all */
};

/* Numbers that older headers lack: asm-generic/socket.h, linux/in.h, linux/in6.h */
#define SO_PREFER_BUSY_POLL_ 69
#define SO_BUSY_POLL_BUDGET_ 70
#define SO_TXREHASH_ 74
#define SO_RCVMARK_ 75
#define SO_PASSPIDFD_ 76
#define SO_RCVPRIORITY_ 82
#define SO_PASSRIGHTS_ 83
#define IP_LOCAL_PORT_RANGE_ 51
#define IPV6_FLOWINFO_ 11
#define IPV6_FLOWINFO_SEND_ 33
#define UDP_NO_CHECK6_TX_ 101 /* linux/udp.h */
#define UDP_NO_CHECK6_RX_ 102
#define UDP_SEGMENT_ 103
#define UDP_GRO_ 104
#define UDPLITE_SEND_CSCOV_ 10 /* net/udplite.h */
#define UDPLITE_RECV_CSCOV_ 11
#define TCP_TX_DELAY_ 37 /* linux/tcp.h */

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
	{ SOL_SOCKET, SO_PASSPIDFD_, 0, false, AF_UNIX, 0 },
	{ SOL_SOCKET, SO_PASSRIGHTS_, 1, false, AF_UNIX, 0 },
	{ SOL_SOCKET, SO_PEEK_OFF, -1, false, 0, 0 },
	{ SOL_SOCKET, SO_TIMESTAMP_OLD, 0, false, 0, 0 },
	{ SOL_SOCKET, SO_TIMESTAMPNS_OLD, 0, false, 0, 0 },
	{ SOL_SOCKET, SO_TIMESTAMP_NEW, 0, false, 0, 0 },
	{ SOL_SOCKET, SO_TIMESTAMPNS_NEW, 0, false, 0, 0 },
	{ SOL_SOCKET, SO_TIMESTAMPING, 0, false, 0, 0 },
	{ SOL_SOCKET, SO_RXQ_OVFL, 0, false, 0, 0 },
	{ SOL_SOCKET, SO_WIFI_STATUS, 0, false, 0, 0 },
	{ SOL_SOCKET, SO_NOFCS, 0, false, 0, 0 },
	{ SOL_SOCKET, SO_NO_CHECK, 0, false, 0, 0 },
	{ SOL_SOCKET, SO_SELECT_ERR_QUEUE, 0, false, 0, 0 },
	{ SOL_SOCKET, SO_BUSY_POLL, 0, false, 0, 0 },
	{ SOL_SOCKET, SO_PREFER_BUSY_POLL_, 0, false, 0, 0 },
	{ SOL_SOCKET, SO_BUSY_POLL_BUDGET_, 8, false, 0, 0 },
	{ SOL_SOCKET, SO_ZEROCOPY, 0, false, 0, 0 },
	{ SOL_SOCKET, SO_TXREHASH_, 1, false, -1, SOCK_STREAM },
	{ SOL_SOCKET, SO_RCVMARK_, 0, false, 0, 0 },
	{ SOL_SOCKET, SO_RCVPRIORITY_, 0, false, 0, 0 },
	{ IPPROTO_IPV6, IPV6_V6ONLY, 0, true, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_TRANSPARENT, 0, true, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_FREEBIND, 0, true, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_TCLASS, 0, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_2292PKTINFO, 0, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_2292HOPLIMIT, 0, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_2292HOPOPTS, 0, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_2292DSTOPTS, 0, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_2292RTHDR, 0, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_RECVPKTINFO, 0, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_RECVTCLASS, 0, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 0, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_RECVHOPOPTS, 0, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_RECVDSTOPTS, 0, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_RECVRTHDR, 0, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_RECVPATHMTU, 0, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, 0, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_RECVFRAGSIZE, 0, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_RECVERR, 0, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_RECVERR_RFC4884, 0, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_FLOWINFO_, 0, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_FLOWINFO_SEND_, 0, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 1, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_DONTFRAG, 0, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_MINHOPCOUNT, 0, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_UNICAST_IF, 0, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_MULTICAST_IF, 0, false, AF_INET6, SOCK_DGRAM },
	{ IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 1, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_MULTICAST_ALL, 1, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_ROUTER_ALERT_ISOLATE, 0, false, AF_INET6, 0 },
	/* IPv6 sockets have these too, for what they exchange with IPv4 hosts */
	{ IPPROTO_IP, IP_TOS, 0, false, -1, 0 },
	{ IPPROTO_IP, IP_RECVERR, 0, false, -1, 0 },
	{ IPPROTO_IP, IP_RECVERR_RFC4884, 0, false, -1, 0 },
	{ IPPROTO_IP, IP_PKTINFO, 0, false, -1, 0 },
	{ IPPROTO_IP, IP_RECVTOS, 0, false, -1, 0 },
	{ IPPROTO_IP, IP_RECVTTL, 0, false, -1, 0 },
	{ IPPROTO_IP, IP_RECVOPTS, 0, false, -1, 0 },
	{ IPPROTO_IP, IP_RETOPTS, 0, false, -1, 0 },
	{ IPPROTO_IP, IP_PASSSEC, 0, false, -1, 0 },
	{ IPPROTO_IP, IP_RECVORIGDSTADDR, 0, false, -1, 0 },
	{ IPPROTO_IP, IP_RECVFRAGSIZE, 0, false, -1, SOCK_DGRAM },
	{ IPPROTO_IP, IP_CHECKSUM, 0, false, -1, 0 },
	{ IPPROTO_IP, IP_MINTTL, 0, false, -1, 0 },
	{ IPPROTO_IP, IP_UNICAST_IF, 0, false, -1, 0 },
	{ IPPROTO_IP, IP_MULTICAST_IF, 0, false, AF_INET, SOCK_DGRAM },
	{ IPPROTO_IP, IP_MULTICAST_ALL, 1, false, AF_INET, 0 },
	{ IPPROTO_IP, IP_MULTICAST_ALL, 0, false, AF_INET6, 0 },
	/* these have no fixed default: compared with that of any host */
	{ IPPROTO_IP, IP_TTL, 64, false, -1, 0 },
	{ IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_WANT, false, -1, 0 },
	{ IPPROTO_IP, IP_MULTICAST_TTL, 1, false, -1, 0 },
	{ IPPROTO_IP, IP_MULTICAST_LOOP, 1, false, -1, 0 },
	{ IPPROTO_IPV6, IPV6_UNICAST_HOPS, 64, false, AF_INET6, 0 },
	{ IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_WANT, false, AF_INET6, 0 },
	{ IPPROTO_IP, IP_FREEBIND, 0, true, AF_INET, 0 },
	{ IPPROTO_IP, IP_TRANSPARENT, 0, true, AF_INET, 0 },
	{ IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 0, true, -1, 0 },
	{ IPPROTO_IP, IP_LOCAL_PORT_RANGE_, 0, true, -1, 0 },
	{ IPPROTO_UDP, UDP_NO_CHECK6_TX_, 0, false, -1, SOCK_DGRAM },
	{ IPPROTO_UDP, UDP_NO_CHECK6_RX_, 0, false, -1, SOCK_DGRAM },
	{ IPPROTO_UDP, UDP_SEGMENT_, 0, false, -1, SOCK_DGRAM },
	{ IPPROTO_UDP, UDP_GRO_, 0, false, -1, SOCK_DGRAM },
	{ IPPROTO_UDPLITE, UDPLITE_SEND_CSCOV_, 0, false, -1, SOCK_DGRAM },
	{ IPPROTO_UDPLITE, UDPLITE_RECV_CSCOV_, 0, false, -1, SOCK_DGRAM },
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
	{ IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 0, true, -1, SOCK_STREAM },
	{ IPPROTO_TCP, TCP_SAVE_SYN, 0, true, -1, SOCK_STREAM },
	{ IPPROTO_TCP, TCP_INQ, 0, false, -1, SOCK_STREAM },
	{ IPPROTO_TCP, TCP_TX_DELAY_, 0, false, -1, SOCK_STREAM },
	{ IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 0, false, -1, SOCK_STREAM },
	{ SOL_NETLINK, NETLINK_PKTINFO, 0, false, AF_NETLINK, 0 },
	{ SOL_NETLINK, NETLINK_BROADCAST_ERROR, 0, false, AF_NETLINK, 0 },
	{ SOL_NETLINK, NETLINK_NO_ENOBUFS, 0, false, AF_NETLINK, 0 },
	{ SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, 0, false, AF_NETLINK, 0 },
	{ SOL_NETLINK, NETLINK_CAP_ACK, 0, false, AF_NETLINK, 0 },
	{ SOL_NETLINK, NETLINK_EXT_ACK, 0, false, AF_NETLINK, 0 },
	{ SOL_NETLINK, NETLINK_GET_STRICT_CHK, 0, false, AF_NETLINK, 0 },
};

/* As long as there is no connection; afterwards these tell of the connection. */
static const struct known_option before_connecting[] = {
	{ IPPROTO_TCP, TCP_MAXSEG, 536, true, -1, SOCK_STREAM },
	{ IPPROTO_TCP, TCP_WINDOW_CLAMP, 0, true, -1, SOCK_STREAM },
	{ IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 0, true, -1, SOCK_STREAM },
	{ SOL_SOCKET, SO_INCOMING_CPU, -1, true, -1, SOCK_STREAM },
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

/* Its peer may be reached through another device after a restart. */
static bool is_connected(int fd)
{
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);

	return !getpeername(fd, (struct sockaddr *)&peer, &length);
}

static void capture_structs(int fd, struct buffer *out, uint32_t *count)
{
	static const int times[] = { SO_RCVTIMEO, SO_SNDTIMEO };
	char device[IFNAMSIZ] = "";
	struct linger linger;
	struct timeval time;
	uint64_t rate, transmit = 0;
	socklen_t length = sizeof(linger);

	if (!getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &length) && linger.l_onoff)
		add(out, count, SOL_SOCKET, SO_LINGER, false, &linger, sizeof(linger));
	for (int n = 0; n < 2; n++) {
		length = sizeof(time);
		if (!getsockopt(fd, SOL_SOCKET, times[n], &time, &length) &&
		    (time.tv_sec || time.tv_usec))
			add(out, count, SOL_SOCKET, times[n], false, &time, sizeof(time));
	}
	length = sizeof(device);
	if (!getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, &length) && length)
		add(out, count, SOL_SOCKET, SO_BINDTODEVICE, !is_connected(fd), device,
		    sizeof(device));
	length = sizeof(rate);
	if (!getsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, &length) && ~rate)
		add(out, count, SOL_SOCKET, SO_MAX_PACING_RATE, false, &rate, length);
	length = sizeof(transmit); /* struct sock_txtime: a clock and flags */
	if (!getsockopt(fd, SOL_SOCKET, SO_TXTIME, &transmit, &length) && transmit)
		add(out, count, SOL_SOCKET, SO_TXTIME, false, &transmit, sizeof(transmit));
}

/* The kernel's default is the host's. */
static void capture_congestion(int fd, struct buffer *out, uint32_t *count)
{
	char name[SOCKET_OPTION_BYTES];
	socklen_t length = sizeof(name);

	if (!getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length))
		add(out, count, IPPROTO_TCP, TCP_CONGESTION, false, name, strnlen(name, length));
}

/* @k is an option of sockets of @family and @type. */
static bool is_of(const struct known_option *k, int family, int type)
{
	return (k->family <= 0 || k->family == family) && (k->family >= 0 || is_inet(family)) &&
	       (!k->type || k->type == type);
}

static void capture_known(int fd, const struct known_option *list, size_t options, int family,
			  int type, struct buffer *out, uint32_t *count)
{
	for (size_t n = 0; n < options; n++) {
		const struct known_option *k = &list[n];
		socklen_t length = sizeof(int);
		int value = 0;

		if (is_of(k, family, type) &&
		    !getsockopt(fd, k->level, k->name, &value, &length) && value != k->usual)
			add(out, count, k->level, k->name, k->early, &value, sizeof(value));
	}
}

/* Of TCP itself: MPTCP answers for its first subflow. */
static bool is_before_connecting(int fd)
{
	struct tcp_summary info;
	socklen_t length = sizeof(int);
	int protocol = 0;

	return !getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) &&
	       protocol == IPPROTO_TCP && !tcp_info_read(fd, &info) &&
	       (info.state == TCP_CLOSE || info.state == TCP_LISTEN);
}

uint32_t socket_options_capture(int fd, int family, int type, struct buffer *out)
{
	uint32_t count = 0;

	capture_known(fd, known, sizeof(known) / sizeof(*known), family, type, out, &count);
	if (is_inet(family) && type == SOCK_STREAM && is_before_connecting(fd))
		capture_known(fd, before_connecting,
			      sizeof(before_connecting) / sizeof(*before_connecting), family, type,
			      out, &count);
	capture_buffers(fd, out, &count);
	capture_structs(fd, out, &count);
	count += socket_filter_capture(fd, out);
	if (is_inet(family) && type == SOCK_STREAM)
		capture_congestion(fd, out, &count);
	return count;
}

static bool is_among(const struct socket_option *options, uint32_t count, int level, int name)
{
	for (uint32_t n = 0; n < count; n++) {
		struct socket_option o;

		memcpy(&o, &options[n], sizeof(o)); /* in an image: not aligned */
		if (o.level == level && o.name == name)
			return true;
	}
	return false;
}

/* Kept apart until all sockets are bound: inet_restore_reuse(). */
static bool is_reuse(const struct known_option *k)
{
	return k->level == SOL_SOCKET && (k->name == SO_REUSEADDR || k->name == SO_REUSEPORT);
}

/* A socket that was accepted has the options of its listener, which the program may have unset. */
static void unset_inherited(int fd, const struct socket_option *options, uint32_t count)
{
	const uint64_t no_limit = ~0ull;
	int family = 0, type = 0;
	socklen_t length = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length) ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) || !is_inet(family) ||
	    type != SOCK_STREAM)
		return;
	for (size_t n = 0; n < sizeof(known) / sizeof(*known); n++) {
		const struct known_option *k = &known[n];
		int value = 0;

		length = sizeof(value);
		if (is_of(k, family, type) && !is_reuse(k) &&
		    !is_among(options, count, k->level, k->name) &&
		    !getsockopt(fd, k->level, k->name, &value, &length) && value != k->usual)
			setsockopt(fd, k->level, k->name, &k->usual, sizeof(k->usual));
	}
	if (!is_among(options, count, SOL_SOCKET, SO_MAX_PACING_RATE))
		setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &no_limit, sizeof(no_limit));
}

void socket_options_restore(int fd, const struct socket_option *options, uint32_t count, bool early)
{
	struct multicast_place place = { 0 };
	struct socket_filter filter = { 0 };

	if (!early)
		unset_inherited(fd, options, count);
	for (uint32_t n = 0; n < count; n++) {
		struct socket_option o;

		memcpy(&o, &options[n], sizeof(o));
		if (!!o.early != early || o.bytes > sizeof(o.value))
			continue;
		if (o.level == MULTICAST_LEVEL) {
			multicast_restore(fd, &o, &place);
			continue;
		}
		if (o.level == FILTER_LEVEL) {
			socket_filter_restore(fd, &o, &filter);
			continue;
		}
		/* SO_MARK and the like need a privilege that may be missing here. */
		setsockopt(fd, o.level, o.name, o.value, o.bytes);
	}
	socket_filter_forget(&filter);
}

#include "inet_place.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

/* Who may reach an address: a program keeps to that. */
enum reach { REACH_HOST, REACH_LINK, REACH_SITE, REACH_ALL };

static struct in6_addr plain(const struct sockaddr *a)
{
	struct in6_addr out = IN6ADDR_ANY_INIT;

	if (a->sa_family == AF_INET6)
		return ((const struct sockaddr_in6 *)a)->sin6_addr;
	out.s6_addr[10] = out.s6_addr[11] = 0xff;
	memcpy(out.s6_addr + 12, &((const struct sockaddr_in *)a)->sin_addr, 4);
	return out;
}

static enum reach reach_four(uint32_t a)
{
	if (a >> 24 == 127)
		return REACH_HOST;
	if (a >> 16 == 0xa9fe) /* 169.254.0.0/16: RFC 3927 */
		return REACH_LINK;
	if (a >> 24 == 10 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8) /* RFC 1918 */
		return REACH_SITE;
	return REACH_ALL;
}

static enum reach reach_of(const struct in6_addr *a)
{
	uint32_t four;

	if (IN6_IS_ADDR_V4MAPPED(a)) {
		memcpy(&four, a->s6_addr + 12, sizeof(four));
		return reach_four(ntohl(four));
	}
	if (IN6_IS_ADDR_LOOPBACK(a))
		return REACH_HOST;
	if (IN6_IS_ADDR_LINKLOCAL(a))
		return REACH_LINK;
	return (a->s6_addr[0] & 0xfe) == 0xfc ? REACH_SITE : REACH_ALL; /* RFC 4193 */
}

static int common_bits(const struct in6_addr *a, const struct in6_addr *b)
{
	int bits = 0;

	while (bits < 128 && !((a->s6_addr[bits / 8] ^ b->s6_addr[bits / 8]) & (0x80 >> bits % 8)))
		bits++;
	return bits;
}

/* @a with the address of @like, which fits into its family. */
static void move(struct inet_address *a, const struct sockaddr *like)
{
	struct in6_addr to = plain(like);

	if (a->any.sa_family == AF_INET) {
		memcpy(&a->v4.sin_addr, to.s6_addr + 12, 4);
		return;
	}
	a->v6.sin6_addr = to;
	a->v6.sin6_scope_id = like->sa_family == AF_INET6 ?
				      ((const struct sockaddr_in6 *)like)->sin6_scope_id : 0;
}

/* False: this host has none. */
static bool find_like(struct inet_address *a)
{
	struct in6_addr wanted = plain(&a->any);
	const struct sockaddr *best = NULL;
	struct ifaddrs *all = NULL;
	int most = -1;

	if (getifaddrs(&all))
		return false;
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		struct in6_addr own;
		int bits;

		if (!i->ifa_addr || !(i->ifa_flags & IFF_UP) ||
		    (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6))
			continue;
		own = plain(i->ifa_addr);
		if (!IN6_IS_ADDR_V4MAPPED(&own) != !IN6_IS_ADDR_V4MAPPED(&wanted) ||
		    reach_of(&own) != reach_of(&wanted))
			continue;
		bits = common_bits(&own, &wanted);
		if (bits > most) {
			most = bits;
			best = i->ifa_addr;
		}
	}
	if (best)
		move(a, best);
	freeifaddrs(all);
	return best != NULL;
}

int inet_bind_here(int fd, const struct inet_address *a)
{
	struct inet_address here = *a;

	if (!bind(fd, &a->any, a->bytes))
		return 0;
	if (errno != EADDRNOTAVAIL)
		return -errno;
	if (!find_like(&here))
		return -EADDRNOTAVAIL;
	return bind(fd, &here.any, here.bytes) ? -errno : 0;
}

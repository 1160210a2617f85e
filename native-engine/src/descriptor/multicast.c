#include "multicast.h"

#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define SOURCES_AT_MOST 64 /* net.ipv4.igmp_max_msf is 10 by default */

struct group {
	int family;
	unsigned int interface;
	char name[IF_NAMESIZE];
	union {
		uint8_t raw[16];
		struct in_addr v4;
		struct in6_addr v6;
	};
};

static size_t address_bytes(int family)
{
	return family == AF_INET6 ? sizeof(struct in6_addr) : sizeof(struct in_addr);
}

static void fill_address(struct sockaddr_storage *to, int family, const void *address)
{
	memset(to, 0, sizeof(*to));
	to->ss_family = family;
	if (family == AF_INET6)
		memcpy(&((struct sockaddr_in6 *)to)->sin6_addr, address, 16);
	else
		memcpy(&((struct sockaddr_in *)to)->sin_addr, address, 4);
}

static const void *address_in(const struct sockaddr_storage *from)
{
	return from->ss_family == AF_INET6 ?
		       (const void *)&((const struct sockaddr_in6 *)from)->sin6_addr :
		       (const void *)&((const struct sockaddr_in *)from)->sin_addr;
}

static void add(struct buffer *out, uint32_t *count, int name, const void *value, size_t bytes)
{
	struct socket_option o = { .level = MULTICAST_LEVEL, .name = name, .bytes = bytes };

	memcpy(o.value, value, bytes);
	buffer_append(out, &o, sizeof(o));
	++*count;
}

/* Is the socket in @g, and for which sources? */
static void ask(int fd, const struct group *g, struct buffer *out, uint32_t *count)
{
	char data[GROUP_FILTER_SIZE(SOURCES_AT_MOST)] __attribute__((aligned(8)));
	struct group_filter *filter = (struct group_filter *)data;
	socklen_t length = sizeof(data);
	uint32_t sources;

	memset(data, 0, sizeof(data));
	filter->gf_interface = g->interface;
	filter->gf_numsrc = SOURCES_AT_MOST;
	fill_address(&filter->gf_group, g->family, g->raw);
	if (getsockopt(fd, g->family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP, MCAST_MSFILTER,
		       filter, &length))
		return;
	sources = filter->gf_numsrc < SOURCES_AT_MOST ? filter->gf_numsrc : SOURCES_AT_MOST;
	add(out, count, MULTICAST_INTERFACE, g->name, sizeof(g->name));
	add(out, count, filter->gf_fmode == MCAST_EXCLUDE ? MULTICAST_JOIN : MULTICAST_GROUP,
	    g->raw, address_bytes(g->family));
	for (uint32_t n = 0; n < sources; n++)
		add(out, count,
		    filter->gf_fmode == MCAST_EXCLUDE ? MULTICAST_BLOCK : MULTICAST_SOURCE,
		    address_in(&filter->gf_slist[n]), address_bytes(g->family));
}

/* Groups in which every host is, and those by which it is asked for its addresses (RFC 4291). */
static bool is_always_there(const struct group *g)
{
	static const uint8_t asked[13] = { 0xff, 2, [11] = 1, [12] = 0xff };
	static const uint8_t nodes[14] = { 0 };

	if (g->family == AF_INET)
		return g->v4.s_addr == htonl(INADDR_ALLHOSTS_GROUP);
	return !memcmp(g->raw, asked, sizeof(asked)) ||
	       ((g->raw[1] == 1 || g->raw[1] == 2) && !memcmp(g->raw + 2, nodes, 13) &&
		g->raw[15] == 1);
}

/* A line of /proc/PID/net/igmp: of an interface, or of a group on the last one. */
static bool read_line4(const char *line, struct group *g)
{
	if (line[0] != '\t') {
		if (sscanf(line, "%u %15[^: ]", &g->interface, g->name) != 2)
			g->interface = 0;
		return false;
	}
	return g->interface && sscanf(line, " %x", &g->v4.s_addr) == 1;
}

static bool read_line6(const char *line, struct group *g)
{
	char hex[33];

	if (sscanf(line, "%u %15s %32[0-9a-f]", &g->interface, g->name, hex) != 3 ||
	    strlen(hex) != 32)
		return false;
	for (int n = 0; n < 16; n++) {
		unsigned int byte;

		sscanf(hex + 2 * n, "%2x", &byte);
		g->raw[n] = byte;
	}
	return true;
}

uint32_t multicast_capture(pid_t pid, int fd, int family, struct buffer *out)
{
	struct group g = { .family = family };
	char path[48], line[256];
	uint32_t count = 0;
	FILE *list;

	snprintf(path, sizeof(path), "/proc/%d/net/igmp%s", pid, family == AF_INET6 ? "6" : "");
	list = fopen(path, "re");
	while (list && fgets(line, sizeof(line), list))
		if ((family == AF_INET6 ? read_line6 : read_line4)(line, &g) &&
		    !is_always_there(&g))
			ask(fd, &g, out, &count);
	if (list)
		fclose(list);
	return count;
}

/* ---- restore ---- */

void multicast_restore(int fd, const struct socket_option *o, struct multicast_place *place)
{
	int family = o->bytes == 16 ? AF_INET6 : AF_INET;
	int level = family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
	struct group_source_req source = { .gsr_interface = place->interface };
	struct group_req group = { .gr_interface = place->interface };
	char name[IF_NAMESIZE + 1] = "";

	switch (o->name) {
	case MULTICAST_INTERFACE:
		memcpy(name, o->value, IF_NAMESIZE);
		place->interface = if_nametoindex(name); /* 0: the kernel chooses one */
		return;
	case MULTICAST_JOIN:
	case MULTICAST_GROUP:
		memcpy(place->group, o->value, sizeof(place->group));
		fill_address(&group.gr_group, family, o->value);
		if (o->name == MULTICAST_JOIN)
			setsockopt(fd, level, MCAST_JOIN_GROUP, &group, sizeof(group));
		return;
	case MULTICAST_SOURCE:
	case MULTICAST_BLOCK:
		fill_address(&source.gsr_group, family, place->group);
		fill_address(&source.gsr_source, family, o->value);
		setsockopt(fd, level,
			   o->name == MULTICAST_SOURCE ? MCAST_JOIN_SOURCE_GROUP :
							 MCAST_BLOCK_SOURCE,
			   &source, sizeof(source));
		return;
	}
}

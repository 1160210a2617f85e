/*
 * victim: UDP sockets in multicast groups, of IPv4 and IPv6
 * category: sockets
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <sys/socket.h>

#include "victim.h"

static int receiver, sender, receiver6;
static struct sockaddr_in group;
static struct sockaddr_in6 group6;

static void expect(int from, int to, const void *address, socklen_t bytes)
{
	struct timeval limit = { .tv_sec = 5 };
	char data[8] = "";

	victim_check(!setsockopt(to, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	victim_check(sendto(from, "news", 4, 0, address, bytes) == 4);
	victim_check(recv(to, data, sizeof(data), 0) == 4 && !strcmp(data, "news"));
}

/* Nobody routes to groups on the loopback device: the kernel's own list is asked. */
static bool is_member6(void)
{
	FILE *list = fopen("/proc/self/net/igmp6", "r");
	char line[128], wanted[40] = "";
	bool found = false;

	for (int n = 0; n < 16; n++)
		sprintf(wanted + 2 * n, "%02x", group6.sin6_addr.s6_addr[n]);
	while (list && fgets(line, sizeof(line), list))
		found |= !!strstr(line, wanted);
	if (list)
		fclose(list);
	return found;
}

static void check(void)
{
	expect(sender, receiver, &group, sizeof(group));
	victim_check(is_member6());
}

int main(void)
{
	struct ip_mreqn membership = { .imr_ifindex = if_nametoindex("lo") };
	struct ipv6_mreq membership6 = { .ipv6mr_interface = if_nametoindex("lo") };
	socklen_t length = sizeof(group);

	/* A port of our own, for both. */
	receiver = socket(AF_INET, SOCK_DGRAM, 0);
	group.sin_family = AF_INET;
	victim_check(!bind(receiver, (struct sockaddr *)&group, length));
	victim_check(!getsockname(receiver, (struct sockaddr *)&group, &length));
	victim_check(inet_pton(AF_INET, "239.195.7.9", &group.sin_addr) == 1);
	membership.imr_multiaddr = group.sin_addr;
	victim_check(!setsockopt(receiver, IPPROTO_IP, IP_ADD_MEMBERSHIP, &membership,
				 sizeof(membership)));
	sender = socket(AF_INET, SOCK_DGRAM, 0);
	membership.imr_address.s_addr = htonl(INADDR_LOOPBACK); /* the index alone cannot be read */
	victim_check(!setsockopt(sender, IPPROTO_IP, IP_MULTICAST_IF, &membership,
				 sizeof(membership)));

	receiver6 = socket(AF_INET6, SOCK_DGRAM, 0);
	group6.sin6_family = AF_INET6;
	length = sizeof(group6);
	victim_check(!bind(receiver6, (struct sockaddr *)&group6, length));
	victim_check(!getsockname(receiver6, (struct sockaddr *)&group6, &length));
	victim_check(inet_pton(AF_INET6, "ff01::7:9", &group6.sin6_addr) == 1);
	group6.sin6_scope_id = membership6.ipv6mr_interface;
	membership6.ipv6mr_multiaddr = group6.sin6_addr;
	victim_check(!setsockopt(receiver6, IPPROTO_IPV6, IPV6_JOIN_GROUP, &membership6,
				 sizeof(membership6)));
	return victim_run(check);
}

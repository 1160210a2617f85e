/*
 * victim: netlink sockets of several kinds: options, groups, without a number
 * category: sockets
 * scenarios: cycles twice
 */
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "victim.h"

static int route, uevent, generic, unbound;
static unsigned int port;

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	victim_check(!getsockopt(fd, level, name, &value, &length));
	return value;
}

static void check(void)
{
	struct sockaddr_nl name;
	socklen_t length = sizeof(name);

	victim_check(option(route, SOL_NETLINK, NETLINK_EXT_ACK) == 1);
	victim_check(option(route, SOL_NETLINK, NETLINK_CAP_ACK) == 1);
	victim_check(option(route, SOL_NETLINK, NETLINK_PKTINFO) == 1);
	victim_check(option(route, SOL_NETLINK, NETLINK_GET_STRICT_CHK) == 1);
	victim_check(option(route, SOL_NETLINK, NETLINK_NO_ENOBUFS) == 1);
	victim_check(!getsockname(route, (struct sockaddr *)&name, &length) && name.nl_pid == port);
	victim_check(name.nl_groups == (RTMGRP_LINK | RTMGRP_IPV4_IFADDR));
	victim_check(option(generic, SOL_SOCKET, SO_PROTOCOL) == NETLINK_GENERIC);
	victim_check(option(uevent, SOL_SOCKET, SO_PROTOCOL) == NETLINK_KOBJECT_UEVENT);
	victim_check(!getsockname(unbound, (struct sockaddr *)&name, &length) && name.nl_pid == 0);
}

int main(void)
{
	struct sockaddr_nl name = { .nl_family = AF_NETLINK,
				    .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR };
	socklen_t length = sizeof(name);
	int on = 1;

	route = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	uevent = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_KOBJECT_UEVENT);
	generic = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
	unbound = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	victim_check(!bind(route, (struct sockaddr *)&name, sizeof(name)));
	victim_check(!getsockname(route, (struct sockaddr *)&name, &length));
	port = name.nl_pid;
	victim_check(!setsockopt(route, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on)));
	victim_check(!setsockopt(route, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on)));
	victim_check(!setsockopt(route, SOL_NETLINK, NETLINK_PKTINFO, &on, sizeof(on)));
	victim_check(!setsockopt(route, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on)));
	victim_check(!setsockopt(route, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof(on)));
	memset(&name, 0, sizeof(name));
	name.nl_family = AF_NETLINK;
	victim_check(!bind(generic, (struct sockaddr *)&name, sizeof(name)));
	return victim_run(check);
}

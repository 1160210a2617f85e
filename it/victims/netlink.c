/*
 * victim: netlink socket: port number, groups, the kernel answers
 * category: sockets
 */
#include <stdint.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "victim.h"

static int fd;
static uint32_t port;

static void check(void)
{
	struct {
		struct nlmsghdr header;
		struct rtgenmsg message;
	} request = {
		.header = {
			.nlmsg_len = sizeof(request),
			.nlmsg_type = RTM_GETLINK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		},
		.message = { .rtgen_family = AF_UNSPEC },
	};
	struct sockaddr_nl address;
	socklen_t length = sizeof(address);
	char answer[32768];
	uint32_t groups[4] = { 0 };
	ssize_t n;

	victim_check(!getsockname(fd, (struct sockaddr *)&address, &length) && address.nl_pid == port);
	length = sizeof(groups);
	victim_check(!getsockopt(fd, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, groups, &length));
	victim_check(groups[0] == 1u << (RTNLGRP_LINK - 1));
	victim_check(send(fd, &request, sizeof(request), 0) == sizeof(request));
	do {
		n = recv(fd, answer, sizeof(answer), 0);
		victim_check(n > 0);
	} while (((struct nlmsghdr *)answer)->nlmsg_type != NLMSG_DONE);
}

int main(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	struct timeval limit = { .tv_sec = 2 };
	socklen_t length = sizeof(address);

	fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	victim_check(!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	victim_check(!bind(fd, (struct sockaddr *)&address, sizeof(address)));
	victim_check(!getsockname(fd, (struct sockaddr *)&address, &length));
	port = address.nl_pid;
	return victim_run(check);
}

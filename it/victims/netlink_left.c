/*
 * victim: netlink: acknowledgements that nobody ever reads
 * category: sockets
 * scenarios: restart cycles twice
 * remark: they are lost in a restart, with a note
 */
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "victim.h"

static int route, left;
static unsigned int number;

static void ask(int fd, int flags)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg body;
	} question = { { sizeof(question), RTM_GETLINK, NLM_F_REQUEST | flags, ++number, 0 },
		       { .ifi_family = AF_UNSPEC, .ifi_index = 1 } };

	victim_check(send(fd, &question, sizeof(question), 0) == sizeof(question));
}

static void check(void)
{
	char answer[16384];
	const struct nlmsghdr *head = (const struct nlmsghdr *)answer;
	ssize_t bytes;

	ask(route, 0);
	bytes = recv(route, answer, sizeof(answer), 0);
	victim_check(bytes >= (ssize_t)sizeof(*head) && head->nlmsg_seq == number);
}

int main(void)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct timeval limit = { .tv_sec = 20 };

	route = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	left = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	victim_check(!setsockopt(route, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	victim_check(!connect(route, (struct sockaddr *)&kernel, sizeof(kernel)));
	victim_check(!connect(left, (struct sockaddr *)&kernel, sizeof(kernel)));
	ask(left, NLM_F_ACK);
	return victim_run_undisturbed(check);
}

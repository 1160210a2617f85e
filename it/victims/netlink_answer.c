/*
 * victim: netlink: an answer that its program reads a moment after the question
 * category: sockets
 * scenarios: cycles twice
 * remark: it is waited for; one that nobody reads within a tenth of a second is lost in a restart
 */
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "victim.h"

static int route;
static unsigned int number;

static void ask(void)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg body;
	} question = { { sizeof(question), RTM_GETLINK, NLM_F_REQUEST, ++number, 0 },
		       { .ifi_family = AF_UNSPEC, .ifi_index = 1 } };
	struct timespec moment = { .tv_nsec = 8 * 1000 * 1000 };
	char answer[16384];
	const struct nlmsghdr *head = (const struct nlmsghdr *)answer;
	ssize_t bytes;

	victim_check(send(route, &question, sizeof(question), 0) == sizeof(question));
	nanosleep(&moment, NULL);
	bytes = recv(route, answer, sizeof(answer), 0);
	victim_check(bytes >= (ssize_t)sizeof(*head) && head->nlmsg_seq == number);
	victim_check(head->nlmsg_type == RTM_NEWLINK);
}

static void check(void)
{
	for (int n = 0; n < 20; n++)
		ask();
}

int main(void)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct timeval limit = { .tv_sec = 20 };

	route = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	victim_check(!setsockopt(route, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	victim_check(!connect(route, (struct sockaddr *)&kernel, sizeof(kernel)));
	return victim_run_undisturbed(check);
}

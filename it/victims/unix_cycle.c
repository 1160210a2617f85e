/*
 * victim: Unix sockets in flight inside themselves and inside each other, held by nobody else
 * category: sockets
 */
#include <sys/socket.h>

#include "victim.h"

static int outer[2];

static void send_rights(int through, int first, int second)
{
	char control[CMSG_SPACE(2 * sizeof(int))] = { 0 };
	struct iovec data = { .iov_base = "pass", .iov_len = 4 };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);
	int rights[2] = { first, second };

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(rights));
	memcpy(CMSG_DATA(c), rights, sizeof(rights));
	victim_check(sendmsg(through, &message, 0) == 4);
}

static void receive_rights(int from, int rights[2])
{
	char control[CMSG_SPACE(2 * sizeof(int))], data[8] = "";
	struct iovec buffer = { .iov_base = data, .iov_len = sizeof(data) };
	struct msghdr message = { .msg_iov = &buffer, .msg_iovlen = 1, .msg_control = control,
				  .msg_controllen = sizeof(control) };

	victim_check(recvmsg(from, &message, MSG_DONTWAIT) == 4 && !strcmp(data, "pass"));
	victim_check(CMSG_FIRSTHDR(&message) &&
		     CMSG_FIRSTHDR(&message)->cmsg_len == CMSG_LEN(2 * sizeof(int)));
	memcpy(rights, CMSG_DATA(CMSG_FIRSTHDR(&message)), 2 * sizeof(int));
}

static void check(void)
{
	char byte;

	victim_check(recv(outer[0], &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1 && byte == 'p');
}

int main(void)
{
	int inner[2], got[2], again[2], result;
	char text[8] = "";

	/* inner[0]'s queue holds both ends of inner; both are in the queue of outer[0] only. */
	victim_check(!socketpair(AF_UNIX, SOCK_STREAM, 0, outer));
	victim_check(!socketpair(AF_UNIX, SOCK_STREAM, 0, inner));
	send_rights(inner[1], inner[0], inner[1]);
	send_rights(outer[1], inner[0], inner[1]);
	victim_check(!close(inner[0]) && !close(inner[1]));
	result = victim_run(check);
	receive_rights(outer[0], got);
	receive_rights(got[0], again);
	victim_check(send(again[1], "round", 5, 0) == 5);
	victim_check(recv(got[0], text, 5, MSG_DONTWAIT) == 5 && !strcmp(text, "round"));
	return result;
}

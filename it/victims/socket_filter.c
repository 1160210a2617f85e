/*
 * victim: packet filters of sockets (SO_ATTACH_FILTER), locked and not
 * category: sockets
 */
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "victim.h"

/* Lets in what begins with an A, behind a UDP header of @header bytes. */
#define FILTER(header)                                                                  \
	{                                                                               \
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, header),                             \
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'A', 0, 1),                         \
		BPF_STMT(BPF_RET | BPF_K, 0xffff), BPF_STMT(BPF_RET | BPF_K, 0),        \
	}

static struct sock_filter udp_filter[] = FILTER(8), unix_filter[] = FILTER(0);
static int udp[2], pair[2];

static void check_one(int from, int to, const struct sock_filter *filter, bool locked)
{
	struct sock_filter now[8];
	char text[16] = "";
	socklen_t length = 8;
	const int off = 0;

	victim_check(!getsockopt(to, SOL_SOCKET, SO_GET_FILTER, now, &length) && length == 4);
	victim_check(!memcmp(now, filter, 4 * sizeof(*filter)));
	send(from, "B no", 4, 0); /* a Unix socket tells that it has not been taken */
	victim_check(send(from, "A yes", 5, 0) == 5);
	victim_check(recv(to, text, sizeof(text), 0) == 5 && !memcmp(text, "A yes", 5));
	if (locked)
		victim_check(setsockopt(to, SOL_SOCKET, SO_DETACH_FILTER, &off, sizeof(off)) &&
			     errno == EPERM);
}

static void check(void)
{
	check_one(udp[0], udp[1], udp_filter, true);
	check_one(pair[0], pair[1], unix_filter, false);
}

static void attach(int fd, struct sock_filter *filter)
{
	struct sock_fprog program = { .len = 4, .filter = filter };

	victim_check(!setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)));
}

int main(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	const int on = 1;

	udp[0] = socket(AF_INET, SOCK_DGRAM, 0);
	udp[1] = socket(AF_INET, SOCK_DGRAM, 0);
	victim_check(!bind(udp[1], (struct sockaddr *)&address, length));
	victim_check(!getsockname(udp[1], (struct sockaddr *)&address, &length));
	victim_check(!connect(udp[0], (struct sockaddr *)&address, length));
	attach(udp[1], udp_filter);
	victim_check(!setsockopt(udp[1], SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof(on)));
	victim_check(!socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	attach(pair[1], unix_filter);
	return victim_run(check);
}

/*
 * victim: an urgent byte on a Unix stream
 * category: sockets
 * remark: kernels without it (before 5.15) are not checked
 */
#include <sys/socket.h>

#include "victim.h"

static int pair[2];

static void check(void)
{
	char data[16] = "";

	victim_check(recv(pair[1], data, sizeof(data), MSG_PEEK | MSG_DONTWAIT) == 6);
	victim_check(!memcmp(data, "before", 6));
}

int main(void)
{
	char data[16] = "";
	int result;

	victim_check(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	victim_check(send(pair[0], "before", 6, 0) == 6);
	if (send(pair[0], "!", 1, MSG_OOB) != 1) {
		victim_ready();
		while (victim_tick())
			;
		return victim_ok();
	}
	victim_check(send(pair[0], "after", 5, 0) == 5);
	result = victim_run(check);
	victim_check(recv(pair[1], data, 1, MSG_OOB) == 1 && data[0] == '!');
	victim_check(recv(pair[1], data, sizeof(data), 0) == 6 && !memcmp(data, "before", 6));
	victim_check(recv(pair[1], data, sizeof(data), 0) == 5 && !memcmp(data, "after", 5));
	return result;
}

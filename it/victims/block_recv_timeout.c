/*
 * victim: recv with SO_RCVTIMEO does not return EINTR
 * category: time
 */
#include <netinet/in.h>
#include <sys/socket.h>
#include <stdint.h>

#include "victim.h"

static int64_t now_ms(void)
{
	struct timespec t;

	victim_check(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Most of the time is spent in the call: a checkpoint nearly always finds the program inside it. */
static void check(void)
{
	struct timeval limit = { .tv_usec = 600000 };
	int64_t begin = now_ms();
	static int fd = -1;
	char byte;

	if (fd < 0) {
		struct sockaddr_in any = { .sin_family = AF_INET,
					   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		victim_check(fd >= 0 && bind(fd, (void *)&any, sizeof(any)) == 0);
		victim_check(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0);
	}
	errno = 0;
	victim_check(recv(fd, &byte, 1, 0) == -1 && errno == EAGAIN);
	victim_check(now_ms() - begin >= 590);
}

int main(void)
{
	return victim_run_undisturbed(check);
}

/*
 * victim: epoll_wait does not return EINTR
 * category: time
 * remark: a checkpoint begins the time-out anew, one of the next ends the wait when it has passed since
 */
#include <sys/epoll.h>
#include <stdint.h>

#include "victim.h"

static int pipe_fds[2];

static int64_t now_ms(void)
{
	struct timespec t;

	victim_check(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Most of the time is spent in the call: a checkpoint nearly always finds the program inside it. */
static void check(void)
{
	static int epoll = -1;
	struct epoll_event event = { .events = EPOLLIN };
	int64_t begin = now_ms();

	if (epoll < 0) {
		epoll = epoll_create1(EPOLL_CLOEXEC);
		victim_check(epoll_ctl(epoll, EPOLL_CTL_ADD, pipe_fds[0], &event) == 0);
	}
	victim_check(epoll_wait(epoll, &event, 1, 500) == 0);
	victim_check(epoll_pwait(epoll, &event, 1, 200, NULL) == 0);
	victim_check(now_ms() - begin >= 690);
}

int main(void)
{
	victim_check(pipe(pipe_fds) == 0);
	return victim_run_undisturbed(check);
}

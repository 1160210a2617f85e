/* Waits that end by time: each returns what the call returned, or -errno. */
#include <errno.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "blocking_calls.h"

static int do_nanosleep(int ms)
{
	struct timespec t = timespec_ms(ms), rest;

	return nanosleep(&t, &rest) ? -errno : 0;
}

static int do_nanosleep_same(int ms) /* request and remainder in one place, no remainder kept */
{
	struct timespec t = timespec_ms(ms);

	return syscall(SYS_nanosleep, &t, NULL) ? -errno : 0;
}

static int do_clock_relative(int ms)
{
	struct timespec t = timespec_ms(ms);

	return -clock_nanosleep(CLOCK_REALTIME, 0, &t, &t);
}

static int do_clock_absolute(int ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += ms * MS;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return -clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static int do_poll(int ms)
{
	struct pollfd p = { wake_fds[0], POLLIN, 0 };
	int ret = poll(&p, 1, ms);

	return ret < 0 ? -errno : ret;
}

static int do_ppoll(int ms)
{
	struct pollfd p = { wake_fds[0], POLLIN, 0 };
	struct timespec t = timespec_ms(ms);
	sigset_t mask;
	int ret;

	sigemptyset(&mask);
	ret = ppoll(&p, 1, &t, &mask);
	return ret < 0 ? -errno : ret;
}

static int do_select(int ms)
{
	struct timeval t = { 0, ms * 1000 };
	fd_set set;
	int ret;

	FD_ZERO(&set);
	FD_SET(wake_fds[0], &set);
	ret = select(wake_fds[0] + 1, &set, NULL, NULL, &t);
	return ret < 0 ? -errno : ret;
}

static int do_pselect(int ms)
{
	struct timespec t = timespec_ms(ms);
	sigset_t mask;
	int ret;

	sigemptyset(&mask);
	ret = pselect(0, NULL, NULL, NULL, &t, &mask);
	return ret < 0 ? -errno : ret;
}

static int timed_out(long ret) /* a time-out is what is wanted */
{
	return ret >= 0 ? 1000 + (int)ret : errno == ETIMEDOUT || errno == EAGAIN ? 0 : -errno;
}

static int futex_word;

static int do_futex_relative(int ms)
{
	struct timespec t = timespec_ms(ms);

	return timed_out(syscall(SYS_futex, &futex_word, FUTEX_WAIT_PRIVATE, 0, &t, NULL, 0));
}

static int do_futex_absolute(int ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += ms * MS;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return timed_out(syscall(SYS_futex, &futex_word, FUTEX_WAIT_BITSET_PRIVATE, 0, &t, NULL,
				 FUTEX_BITSET_MATCH_ANY));
}

static int do_epoll(int ms)
{
	struct epoll_event event = { .events = EPOLLIN };
	static int epoll = -1;
	int ret;

	if (epoll < 0) {
		epoll = epoll_create1(0);
		epoll_ctl(epoll, EPOLL_CTL_ADD, wake_fds[0], &event);
	}
	ret = epoll_wait(epoll, &event, 1, ms);
	return ret < 0 ? -errno : ret;
}

static int do_epoll_pwait(int ms)
{
	struct epoll_event event;
	static int epoll = -1;
	sigset_t mask;
	int ret;

	if (epoll < 0)
		epoll = epoll_create1(0);
	sigemptyset(&mask);
	ret = epoll_pwait(epoll, &event, 1, ms, &mask);
	return ret < 0 ? -errno : ret;
}

static int do_sigtimedwait(int ms)
{
	struct timespec t = timespec_ms(ms);
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return timed_out(sigtimedwait(&set, NULL, &t));
}

static int do_semtimedop(int ms)
{
	struct timespec t = timespec_ms(ms);
	struct sembuf down = { 0, -1, 0 };

	return timed_out(semtimedop(semaphore_id, &down, 1, &t));
}

static int do_io_getevents(int ms)
{
	struct timespec t = timespec_ms(ms);
	static aio_context_t context;
	struct io_event event;
	int ret;

	if (!context && syscall(SYS_io_setup, 4, &context))
		bad("io_setup: %s", strerror(errno));
	ret = syscall(SYS_io_getevents, context, 1, 1, &event, &t);
	return ret < 0 ? -errno : ret;
}

static int timed_socket(int ms)
{
	struct timeval t = { 0, ms * 1000 };
	static int fd = -1;
	struct sockaddr_in address = { .sin_family = AF_INET };

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0) {
		fd = socket(AF_INET, SOCK_DGRAM, 0);
		bind(fd, (struct sockaddr *)&address, sizeof(address));
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	}
	return fd;
}

static int do_recv_timeout(int ms)
{
	char byte;

	return timed_out(recv(timed_socket(ms), &byte, 1, 0));
}

static int do_read_timeout(int ms)
{
	char byte;

	return timed_out(read(timed_socket(ms), &byte, 1));
}

static int do_accept_timeout(int ms)
{
	struct timeval t = { 0, ms * 1000 };
	static int fd = -1;

	if (fd < 0) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		listen(fd, 1);
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	}
	return timed_out(accept(fd, NULL, NULL));
}

const struct blocking_call timed_calls[] = {
	{ "nanosleep", do_nanosleep, LONG_MS },
	{ "nanosleep without remainder", do_nanosleep_same, LONG_MS },
	{ "clock_nanosleep relative", do_clock_relative, LONG_MS },
	{ "clock_nanosleep absolute", do_clock_absolute, LONG_MS },
	{ "poll", do_poll, LONG_MS },
	{ "ppoll", do_ppoll, LONG_MS },
	{ "select", do_select, LONG_MS },
	{ "pselect", do_pselect, LONG_MS },
	{ "futex relative", do_futex_relative, LONG_MS },
	{ "futex absolute", do_futex_absolute, LONG_MS },
	{ "epoll_wait", do_epoll, LONG_MS },
	{ "epoll_pwait", do_epoll_pwait, LONG_MS },
	{ "sigtimedwait", do_sigtimedwait, LONG_MS },
	{ "semtimedop", do_semtimedop, LONG_MS },
	{ "io_getevents", do_io_getevents, LONG_MS },
	{ "recv with a time-out", do_recv_timeout, SOCKET_MS },
	{ "read with a time-out", do_read_timeout, SOCKET_MS },
	{ "accept with a time-out", do_accept_timeout, SOCKET_MS },
};

const size_t timed_call_count = sizeof(timed_calls) / sizeof(*timed_calls);

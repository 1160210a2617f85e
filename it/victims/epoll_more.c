/*
 * victim: epoll on every kind of descriptor, exclusive, spent, five deep, shared with a child
 * category: descriptors
 * scenarios: cycles twice
 */
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "victim.h"

#define KINDS 8
static int poll_fd, fds[KINDS], outer[4], spent, armed, spent_fd, armed_fd, exclusive, exclusive_fd;
static int twice, twice_fd;
static const int ready_of[KINDS] = { 0, 1, 1, 0, 1, 0, 1, 1 };

static int wait_for(int fd, struct epoll_event *events, int count)
{
	return epoll_wait(fd, events, count, 0);
}

static void check(void)
{
	struct epoll_event events[KINDS * 2];
	int n = wait_for(poll_fd, events, KINDS * 2), seen[KINDS] = { 0 };

	for (int i = 0; i < n; i++) {
		unsigned int kind = events[i].data.u64 & 0xff;

		victim_check(events[i].data.u64 >> 8 == 0xabcdef012345ull && kind < KINDS);
		seen[kind] = 1;
	}
	for (int i = 0; i < KINDS; i++)
		if (seen[i] != ready_of[i])
			victim_bad("kind %d: ready %d instead of %d", i, seen[i], ready_of[i]);
	victim_check(wait_for(outer[3], events, 2) == 1 && events[0].data.u32 == 3);
	victim_check(wait_for(spent, events, 2) == 0);
	victim_check(wait_for(exclusive, events, 2) == 1 && events[0].events == EPOLLIN);
	victim_check(wait_for(twice, events, 4) == 2);
	victim_check(events[0].data.u32 + events[1].data.u32 == 12);
}

static void add(int poll, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = { .events = events, .data.u64 = data };

	if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event))
		victim_bad("add %d %x: %s", fd, events, strerror(errno));
}

static int kind(int n)
{
	int ends[2];
	sigset_t set;

	switch (n) {
	case 0:
		victim_check(!pipe(ends));
		return ends[0];
	case 1:
		victim_check(!pipe(ends) && write(ends[1], "x", 1) == 1);
		return ends[0];
	case 2:
		return eventfd(3, 0);
	case 3:
		return timerfd_create(CLOCK_MONOTONIC, 0);
	case 4:
		sigemptyset(&set);
		sigaddset(&set, SIGURG);
		sigprocmask(SIG_BLOCK, &set, NULL);
		raise(SIGURG);
		return signalfd(-1, &set, 0);
	case 5:
		return inotify_init();
	case 6:
		victim_check(!socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
		victim_check(write(ends[1], "x", 1) == 1);
		return ends[0];
	default: {
		pid_t child = fork();

		if (!child)
			_exit(7);
		victim_check(!waitid(P_PID, child, NULL, WEXITED | WNOWAIT));
		return syscall(SYS_pidfd_open, child, 0);
	}
	}
}

int main(void)
{
	struct epoll_event event;
	pid_t child;
	int status, copy;

	poll_fd = epoll_create1(EPOLL_CLOEXEC);
	for (int i = 0; i < KINDS; i++) {
		fds[i] = kind(i);
		victim_check(fds[i] >= 0);
		add(poll_fd, fds[i], i % 2 ? EPOLLIN | EPOLLRDHUP | EPOLLPRI : EPOLLIN,
		    0xabcdef012345ull << 8 | i);
	}
	for (int i = 0; i < 4; i++) {
		outer[i] = epoll_create1(0);
		add(outer[i], i ? outer[i - 1] : poll_fd, EPOLLIN, i);
	}
	spent = epoll_create1(0);
	spent_fd = eventfd(1, 0);
	add(spent, spent_fd, EPOLLIN | EPOLLONESHOT, 1);
	victim_check(wait_for(spent, &event, 1) == 1);
	armed = epoll_create1(0);
	armed_fd = eventfd(1, 0);
	add(armed, armed_fd, EPOLLIN | EPOLLONESHOT | EPOLLET, 2);
	exclusive = epoll_create1(0);
	exclusive_fd = eventfd(1, 0);
	add(exclusive, exclusive_fd, EPOLLIN | EPOLLEXCLUSIVE, 3);
	twice = epoll_create1(0);
	twice_fd = eventfd(1, 0);
	add(twice, twice_fd, EPOLLIN, 5);
	copy = dup(twice_fd);
	add(twice, copy, EPOLLIN, 7);
	close(copy); /* its file is open: the entry stays */
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			usleep(20000);
			if (wait_for(outer[3], &event, 1) != 1)
				_exit(1);
		}
	}
	status = victim_run(check);
	victim_check(wait_for(armed, &event, 1) == 1 && event.data.u64 == 2);
	victim_check(wait_for(armed, &event, 1) == 0);
	victim_check(waitpid(child, NULL, WNOHANG) == 0 && !kill(child, SIGKILL));
	waitpid(child, NULL, 0);
	return status;
}

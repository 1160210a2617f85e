/*
 * victim: epoll: data, nested, stale number, edge-triggered, one-shot
 * category: descriptors
 */
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "victim.h"

static int outer, inner, event, edge, once, stale_pipe[2], moved;

static void expect(int fd, uint64_t data)
{
	struct epoll_event e[8];
	bool found = false;
	int n = epoll_wait(fd, e, 8, 1000);

	for (int k = 0; k < n; k++)
		found |= e[k].data.u64 == data;
	victim_check(found);
}

static void check(void)
{
	struct epoll_event e[8];
	uint64_t one = 1;
	char byte;
	int n;

	while (epoll_wait(outer, e, 8, 0) > 0 && e[0].data.u64 == 4)
		; /* a restart may wake an edge-triggered entry once */
	victim_check(epoll_wait(outer, e, 8, 0) == 0);
	victim_check(write(event, &one, 8) == 8);
	expect(outer, 1);
	expect(inner, 2);
	victim_check(read(event, &one, 8) == 8);
	victim_check(write(stale_pipe[1], "x", 1) == 1);
	expect(outer, 3);
	victim_check(read(moved, &byte, 1) == 1);
	victim_check(write(edge, &one, 8) == 8);
	expect(outer, 4);
	victim_check(write(once, &one, 8) == 8);
	n = epoll_wait(outer, e, 8, 0);
	for (int k = 0; k < n; k++)
		victim_check(e[k].data.u64 != 5); /* it has had its one shot */
	victim_check(read(edge, &one, 8) == 8 && read(once, &one, 8) == 8);
}

static void add(int fd, int target, uint32_t events, uint64_t data)
{
	struct epoll_event e = { .events = events, .data.u64 = data };

	victim_check(!epoll_ctl(fd, EPOLL_CTL_ADD, target, &e));
}

int main(void)
{
	uint64_t one = 1;
	int result;

	outer = epoll_create1(0);
	inner = epoll_create1(EPOLL_CLOEXEC);
	event = eventfd(0, 0);
	edge = eventfd(0, EFD_NONBLOCK);
	once = eventfd(0, EFD_NONBLOCK);
	victim_check(outer >= 0 && inner >= 0 && event >= 0 && !pipe(stale_pipe));
	add(inner, event, EPOLLIN, 2);
	add(outer, inner, EPOLLIN, 1);
	add(outer, stale_pipe[0], EPOLLIN, 3);
	add(outer, edge, EPOLLIN | EPOLLET, 4);
	add(outer, once, EPOLLIN | EPOLLONESHOT, 5);
	/* The entry stays with the file, its number goes to another. */
	moved = dup(stale_pipe[0]);
	victim_check(moved >= 0 && dup2(event, stale_pipe[0]) == stale_pipe[0]);
	victim_check(write(once, &one, 8) == 8);
	expect(outer, 5);
	victim_check(read(once, &one, 8) == 8);
	result = victim_run(check);
	return result;
}

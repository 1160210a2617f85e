#include "inet_settle.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../common/array.h"
#include "../common/monotonic.h"

#define FIRST_NS 1000000ull      /* a sender on the same network needs less */
#define LATE_NS 1000000000ull
#define LONGEST_NS 60000000000ull

void inet_settling_add(struct inet_settling *l, const struct inet_info *s)
{
	const struct inventory_entry *e = s->entry;
	struct unsettled *more;

	if (!e || !e->process || e->held >= 0)
		return;
	more = array_grow(l->all, l->count, &l->capacity, sizeof(*more));
	if (!more)
		return;
	l->all = more;
	l->all[l->count++] = (struct unsettled){
		.pid = e->process->pid, .number = e->view.number, .inode = s->inode,
		.room = s->room, .interval_ns = FIRST_NS, .next_ns = monotonic_ns() + FIRST_NS,
	};
}

static void forget(struct inet_settling *l, size_t n)
{
	l->all[n] = l->all[--l->count];
}

void inet_settling_take(struct inet_settling *l, struct inet_table *t)
{
	for (size_t n = l->count; n--;) {
		struct inet_info *s = inet_table_find(t, l->all[n].inode);

		if (!s || s->fd < 0) /* this round does not touch it */
			continue;
		s->room = l->all[n].room;
		forget(l, n);
	}
}

/* Our own duplicate; -1: the process has closed it, or has gone. */
static int borrow(const struct unsettled *u)
{
	int pidfd = syscall(SYS_pidfd_open, u->pid, 0), fd;
	struct stat status;

	if (pidfd < 0)
		return -1;
	fd = syscall(SYS_pidfd_getfd, pidfd, u->number, 0);
	close(pidfd);
	if (fd >= 0 && (fstat(fd, &status) || status.st_ino != u->inode)) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool settle(struct unsettled *u)
{
	int fd = borrow(u);
	bool done;

	if (fd < 0)
		return true;
	done = inet_room_settle_running(fd, &u->room, u->interval_ns >= LATE_NS);
	close(fd);
	return done;
}

void inet_settling_turn(struct inet_settling *l)
{
	uint64_t now = monotonic_ns();

	for (size_t n = l->count; n--;) {
		struct unsettled *u = &l->all[n];

		if (u->next_ns > now)
			continue;
		if (settle(u)) {
			forget(l, n);
			continue;
		}
		u->interval_ns = u->interval_ns * 2 < LONGEST_NS ? u->interval_ns * 2 : LONGEST_NS;
		u->next_ns = now + u->interval_ns;
	}
}

uint64_t inet_settling_next(const struct inet_settling *l)
{
	uint64_t next = UINT64_MAX;

	for (size_t n = 0; n < l->count; n++)
		if (l->all[n].next_ns < next)
			next = l->all[n].next_ns;
	return next;
}

void inet_settling_free(struct inet_settling *l)
{
	free(l->all);
	*l = (struct inet_settling){ 0 };
}

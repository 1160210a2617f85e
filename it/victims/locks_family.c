/*
 * victim: OFD locks and flocks that parent and child share, record locks of each
 * category: descriptors
 */
#include <fcntl.h>
#include <sys/file.h>

#include "family.h"

static int shared, other, own;

static short held_by(int fd, off_t start, pid_t *owner)
{
	struct flock range = { .l_type = F_WRLCK, .l_start = start, .l_len = 10 };

	if (fcntl(fd, F_GETLK, &range))
		return -1;
	*owner = range.l_pid;
	return range.l_type;
}

static void lock(int fd, int command, short type, off_t start)
{
	struct flock range = { .l_type = type, .l_start = start, .l_len = 10 };

	victim_check(!fcntl(fd, command, &range));
}

static void check_child(void)
{
	pid_t owner;

	if (held_by(shared, 0, &owner) != F_WRLCK || owner != getppid())
		snprintf(family->error, sizeof(family->error), "the parent's lock has gone");
}

static void check(void)
{
	pid_t owner;

	victim_check(held_by(other, 100, &owner) == F_RDLCK && owner == family->members[0].pid);
	victim_check(held_by(other, 200, &owner) == F_WRLCK && owner == -1);
	victim_check(flock(own, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK);
}

int main(void)
{
	int leader;

	family_start();
	shared = open("file", O_RDWR | O_CREAT, 0600);
	other = open("file", O_RDWR);
	leader = open("flocked", O_RDWR | O_CREAT, 0600);
	own = open("flocked", O_RDWR);
	victim_check(shared >= 0 && !flock(leader, LOCK_EX));
	lock(shared, F_SETLK, F_WRLCK, 0);
	lock(shared, F_OFD_SETLK, F_WRLCK, 200);
	if (!fork()) {
		lock(shared, F_SETLK, F_RDLCK, 100);
		close(own);
		family_live(check_child);
	}
	close(leader); /* the child has it */
	family_await(1);
	return family_run(check);
}

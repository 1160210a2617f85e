/*
 * victim: flock, POSIX and OFD record locks
 * category: descriptors
 */
#include <fcntl.h>
#include <sys/file.h>

#include "victim.h"

static int flocked, posix, ofd, prober;

/* From another open file: who holds bytes @start..: F_UNLCK when nobody. */
static int holder(const char *name, int command, off_t start)
{
	struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = 1 };
	int fd = open(name, O_RDWR);

	victim_check(fd >= 0 && !fcntl(fd, command, &range));
	close(fd);
	return range.l_type;
}

static void check(void)
{
	int other = open("flock", O_RDWR);

	victim_check(other >= 0 && flock(other, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK);
	close(other);
	/* An OFD probe sees POSIX locks of this process too; no closing of "posix" here. */
	struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 1 };

	victim_check(!fcntl(prober, F_OFD_GETLK, &range) && range.l_type == F_RDLCK);
	victim_check(range.l_start == 10 && range.l_len == 20 && range.l_pid == getpid());
	victim_check(holder("ofd", F_OFD_GETLK, 5) == F_WRLCK);
	victim_check(holder("ofd", F_OFD_GETLK, 4) == F_UNLCK);
	victim_check(holder("ofd", F_OFD_GETLK, 1 << 20) == F_WRLCK);
}

int main(void)
{
	struct flock range = { .l_whence = SEEK_SET };

	flocked = open("flock", O_CREAT | O_RDWR, 0600);
	posix = open("posix", O_CREAT | O_RDWR, 0600);
	ofd = open("ofd", O_CREAT | O_RDWR, 0600);
	prober = open("posix", O_RDWR);
	victim_check(flocked >= 0 && posix >= 0 && ofd >= 0 && prober >= 0);
	victim_check(!flock(flocked, LOCK_EX));
	range.l_type = F_RDLCK;
	range.l_start = 10;
	range.l_len = 20;
	victim_check(!fcntl(posix, F_SETLK, &range));
	range.l_type = F_WRLCK;
	range.l_start = 5;
	range.l_len = 0;
	victim_check(!fcntl(ofd, F_OFD_SETLK, &range));
	return victim_run(check);
}

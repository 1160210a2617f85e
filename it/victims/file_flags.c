/*
 * victim: files opened with every flag that stays, write hints, places past the end
 * category: descriptors
 * scenarios: cycles twice
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "victim.h"

#define SET_RW_HINT 1036 /* F_SET_RW_HINT: fcntl(2) */
#define GET_RW_HINT 1035

static const int kinds[] = {
	O_RDONLY, O_WRONLY, O_RDWR, O_RDWR | O_APPEND, O_RDWR | O_DIRECT, O_RDONLY | O_NOATIME,
	O_RDWR | O_DSYNC, O_RDWR | O_SYNC, O_RDWR | O_NONBLOCK, O_WRONLY | O_APPEND | O_SYNC,
	O_PATH, O_RDWR | O_CLOEXEC, O_RDONLY | O_NOFOLLOW, 3 /* neither: ioctl alone, open(2) */,
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))
static int fds[KINDS], flags[KINDS], hints, hinted;
static off_t places[KINDS];

static void check(void)
{
	unsigned long hint = 0;

	for (size_t i = 0; i < KINDS; i++) {
		if (fcntl(fds[i], F_GETFL) != flags[i])
			victim_bad("flags %o were %o and are %o", kinds[i], flags[i],
				   fcntl(fds[i], F_GETFL));
		victim_check(!!(fcntl(fds[i], F_GETFD) & FD_CLOEXEC) == !!(kinds[i] & O_CLOEXEC));
		if (kinds[i] != O_PATH)
			victim_check(lseek(fds[i], 0, SEEK_CUR) == places[i]);
	}
	if (hints)
		victim_check(!fcntl(hinted, GET_RW_HINT, &hint) && hint == 5);
}

int main(void)
{
	unsigned long hint = 5; /* RWH_WRITE_LIFE_EXTREME */

	close(open("data", O_CREAT | O_WRONLY, 0600));
	for (size_t i = 0; i < KINDS; i++) {
		fds[i] = open("data", kinds[i]);
		if (fds[i] < 0)
			victim_bad("open %o: %s", kinds[i], strerror(errno));
		if (kinds[i] != O_PATH)
			places[i] = lseek(fds[i], (i % 2 ? 5l << 30 : 100) + i, SEEK_SET);
		flags[i] = fcntl(fds[i], F_GETFL);
	}
	hinted = fds[2];
	hints = !fcntl(hinted, SET_RW_HINT, &hint);
	victim_check(!truncate("data", 6l << 30));
	return victim_run(check);
}

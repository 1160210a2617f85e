/*
 * victim: descriptor numbers, dup, close-on-exec, holes
 * category: descriptors
 */
#include <fcntl.h>

#include "victim.h"

static void check(void)
{
	victim_check(fcntl(10, F_GETFD) == 0 && fcntl(11, F_GETFD) == FD_CLOEXEC);
	victim_check(fcntl(700, F_GETFD) == 0);
	for (int n = 3; n < 1024; n++)
		if (n != 10 && n != 11 && n != 700 && n != 12)
			victim_check(fcntl(n, F_GETFD) < 0 && errno == EBADF);
	/* 10, 11 and 700 share one position, 12 has its own. */
	victim_check(lseek(10, 100, SEEK_SET) == 100);
	victim_check(lseek(11, 0, SEEK_CUR) == 100 && lseek(700, 0, SEEK_CUR) == 100);
	victim_check(lseek(12, 0, SEEK_CUR) == 7);
}

int main(void)
{
	int fd;

	for (int n = 3; n < 1024; n++)
		close(n);
	fd = open("data", O_CREAT | O_EXCL | O_RDWR, 0600);
	victim_check(fd == 3 && !ftruncate(fd, 1000));
	victim_check(dup2(fd, 10) == 10 && dup3(fd, 11, O_CLOEXEC) == 11 && dup2(fd, 700) == 700);
	close(fd);
	fd = open("data", O_RDONLY);
	victim_check(fd == 3 && dup2(fd, 12) == 12 && lseek(12, 7, SEEK_SET) == 7);
	close(fd);
	return victim_run(check);
}

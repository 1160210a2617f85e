/*
 * victim: 900 descriptors on 300 files
 * category: descriptors
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "victim.h"

#define FILES 300

static int fds[FILES][3];

static void check(void)
{
	for (int n = 0; n < FILES; n++) {
		int seen = -1;

		victim_check(lseek(fds[n][0], 0, SEEK_CUR) == n);
		victim_check(lseek(fds[n][1], 0, SEEK_CUR) == n);
		victim_check(lseek(fds[n][2], 0, SEEK_CUR) == 0);
		victim_check(pread(fds[n][2], &seen, sizeof(seen), 0) == sizeof(seen) && seen == n);
	}
}

int main(void)
{
	for (int n = 0; n < FILES; n++) {
		char name[16];

		snprintf(name, sizeof(name), "f%d", n);
		fds[n][0] = open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
		victim_check(fds[n][0] >= 0 && write(fds[n][0], &n, sizeof(n)) == sizeof(n));
		victim_check(lseek(fds[n][0], n, SEEK_SET) == n);
		fds[n][1] = dup(fds[n][0]);
		fds[n][2] = open(name, O_RDONLY);
		victim_check(fds[n][1] >= 0 && fds[n][2] >= 0);
	}
	return victim_run(check);
}

/*
 * victim: file deleted while open, sparse, opened twice
 * category: descriptors
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "victim.h"

#define FAR (5 * 1024 * 1024)

static int writer, reader;

static void check(void)
{
	char data[6] = "";
	struct stat a, b;

	victim_check(access("gone", F_OK) && errno == ENOENT);
	victim_check(!fstat(writer, &a) && !fstat(reader, &b));
	victim_check(a.st_ino == b.st_ino && a.st_nlink == 0 && a.st_size == FAR + 5);
	victim_check((a.st_mode & 07777) == 0640);
	victim_check(lseek(reader, 0, SEEK_CUR) == 2);
	victim_check(pread(reader, data, 5, 0) == 5 && !strcmp(data, "start"));
	victim_check(pread(reader, data, 5, FAR) == 5 && !strcmp(data, "after"));
	victim_check(a.st_blocks * 512 < FAR / 2);
	victim_check(pwrite(writer, "start", 5, 0) == 5);
}

int main(void)
{
	writer = open("gone", O_CREAT | O_EXCL | O_RDWR, 0600);
	victim_check(writer >= 0 && !fchmod(writer, 0640));
	reader = open("gone", O_RDONLY);
	victim_check(reader >= 0 && !unlink("gone"));
	victim_check(pwrite(writer, "start", 5, 0) == 5 && pwrite(writer, "after", 5, FAR) == 5);
	victim_check(lseek(reader, 2, SEEK_SET) == 2);
	return victim_run(check);
}

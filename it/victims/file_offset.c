/*
 * victim: regular file: offset, flags, path
 * category: descriptors
 */
#include <fcntl.h>

#include "victim.h"

static int reading, writing;

static void check(void)
{
	char data[5] = "";

	victim_check(lseek(reading, 0, SEEK_CUR) == 3);
	victim_check(pread(reading, data, 4, 3) == 4 && !strcmp(data, "defg"));
	victim_check(lseek(writing, 0, SEEK_CUR) == 4);
	victim_check((fcntl(reading, F_GETFL) & O_ACCMODE) == O_RDONLY);
	victim_check((fcntl(writing, F_GETFL) & (O_ACCMODE | O_SYNC)) == (O_WRONLY | O_SYNC));
	victim_check(fcntl(reading, F_GETFD) == FD_CLOEXEC && fcntl(writing, F_GETFD) == 0);
	victim_check(access("data", R_OK) == 0);
}

int main(void)
{
	writing = open("data", O_CREAT | O_EXCL | O_WRONLY | O_SYNC, 0600);
	victim_check(writing >= 0 && write(writing, "abcdefgh", 8) == 8);
	victim_check(lseek(writing, 4, SEEK_SET) == 4);
	reading = open("data", O_RDONLY | O_CLOEXEC);
	victim_check(reading >= 0 && lseek(reading, 3, SEEK_SET) == 3);
	return victim_run(check);
}

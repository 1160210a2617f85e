/*
 * victim: files whose permissions no longer allow what they are open for
 * category: descriptors
 * scenarios: cycles twice
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "victim.h"

static int both, writing, reading, hidden;

static void check(void)
{
	struct stat there;
	char text[8] = "";

	victim_check(pread(reading, text, 4, 0) == 4 && !memcmp(text, "read", 4));
	victim_check(pread(hidden, text, 4, 0) == 4 && !memcmp(text, "hide", 4));
	victim_check(!fstat(both, &there) && (there.st_mode & 07777) == 0400);
	victim_check(!fstat(writing, &there) && (there.st_mode & 07777) == 0200);
	victim_check(!fstat(reading, &there) && (there.st_mode & 07777) == 0);
}

int main(void)
{
	char text[8];
	int result;

	both = open("both", O_CREAT | O_RDWR, 0600);
	writing = open("writing", O_CREAT | O_WRONLY, 0600);
	reading = open("reading", O_CREAT | O_RDWR, 0600);
	victim_check(write(reading, "read", 4) == 4);
	victim_check(!mkdir("secret", 0700));
	hidden = open("secret/hidden", O_CREAT | O_RDWR, 0600);
	victim_check(write(hidden, "hide", 4) == 4);
	victim_check(!fchmod(both, 0400) && !fchmod(writing, 0200) && !fchmod(reading, 0));
	result = victim_run(check);
	victim_check(pwrite(both, "both", 4, 0) == 4 && pread(both, text, 4, 0) == 4);
	victim_check(pwrite(writing, "more", 4, 0) == 4);
	return result;
}

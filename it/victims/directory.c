/*
 * victim: directories: position in a listing, removed while open, O_PATH
 * category: descriptors
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "victim.h"

static int plain, removed, path_only, path_file;

static void check(void)
{
	struct stat a, b;

	victim_check(!fstat(plain, &a) && !stat("d", &b) && a.st_ino == b.st_ino);
	victim_check(!faccessat(plain, "inside", F_OK, 0));
	victim_check(!fstat(removed, &a) && a.st_nlink == 0 && S_ISDIR(a.st_mode));
	victim_check(fcntl(path_only, F_GETFL) & O_PATH && !faccessat(path_only, "inside", F_OK, 0));
	victim_check(fcntl(path_file, F_GETFL) & O_PATH && read(path_file, &a, 1) < 0 && errno == EBADF);
}

int main(void)
{
	victim_check(!mkdir("d", 0700) && !mkdir("r", 0700));
	plain = open("d", O_RDONLY | O_DIRECTORY);
	victim_check(plain >= 0);
	close(openat(plain, "inside", O_CREAT | O_WRONLY, 0600));
	removed = open("r", O_RDONLY | O_DIRECTORY);
	victim_check(removed >= 0 && !rmdir("r"));
	path_only = open("d", O_PATH);
	path_file = open("d/inside", O_PATH);
	victim_check(path_only >= 0 && path_file >= 0);
	return victim_run(check);
}

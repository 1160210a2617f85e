/*
 * victim: memfd: name, content, seals, position
 * category: descriptors
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "victim.h"

#define SIZE (3 * 1024 * 1024 + 17)

static int plain, sealed;

static void check(void)
{
	char link[64], text[16] = "";
	struct stat status;
	ssize_t n;

	victim_check(!fstat(plain, &status) && status.st_size == SIZE);
	victim_check(lseek(plain, 0, SEEK_CUR) == 1234);
	victim_check(pread(plain, text, 5, 1000000) == 5 && !strcmp(text, "inner"));
	victim_check(pread(plain, text, 1, 5) == 1 && text[0] == 0);
	n = readlink("/proc/self/fd/3", link, sizeof(link) - 1);
	victim_check(n > 0);
	link[n] = 0;
	victim_check(!strcmp(link, "/memfd:a name (deleted)"));
	victim_check(fcntl(sealed, F_GET_SEALS) == (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_SEAL));
	victim_check(write(sealed, "x", 1) < 0 && errno == EPERM);
	victim_check(pread(sealed, text, 6, 0) == 6 && !memcmp(text, "sealed", 6));
	victim_check(fcntl(plain, F_GET_SEALS) == F_SEAL_SEAL);
}

int main(void)
{
	for (int n = 3; n < 20; n++)
		close(n);
	plain = memfd_create("a name", 0);
	sealed = memfd_create("sealed", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	victim_check(plain == 3 && sealed == 4 && !ftruncate(plain, SIZE));
	victim_check(pwrite(plain, "inner", 5, 1000000) == 5 && lseek(plain, 1234, SEEK_SET) == 1234);
	victim_check(write(sealed, "sealed", 6) == 6);
	victim_check(!fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_SEAL));
	return victim_run(check);
}

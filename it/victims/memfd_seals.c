/*
 * victim: memfds sealed against execution and future writes, opened again for reading
 * category: descriptors
 * scenarios: cycles twice
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "victim.h"

#define SEAL_EXEC 0x20 /* F_SEAL_EXEC, linux/fcntl.h */
#define NOEXEC_SEAL 8u /* MFD_NOEXEC_SEAL */
#define EXEC 0x10u

static int exec, noexec, future, readonly, empty;
static volatile char *writable;
static int modes[3], seals[4];

static int mode(int fd)
{
	struct stat there;

	victim_check(!fstat(fd, &there));
	return there.st_mode;
}

static void check(void)
{
	char path[64], target[64] = "";

	victim_check(mode(exec) == modes[0] && mode(noexec) == modes[1]);
	victim_check(mode(future) == modes[2]);
	victim_check(fcntl(exec, F_GET_SEALS) == seals[0]);
	victim_check(fcntl(noexec, F_GET_SEALS) == seals[1]);
	victim_check(fcntl(future, F_GET_SEALS) == seals[2]);
	victim_check(fcntl(empty, F_GET_SEALS) == seals[3]);
	victim_check(fchmod(exec, 0600) < 0 && fchmod(noexec, 0700) < 0);
	victim_check(pwrite(future, "x", 1, 0) < 0 && errno == EPERM);
	writable[0]++;
	victim_check((fcntl(readonly, F_GETFL) & O_ACCMODE) == O_RDONLY);
	victim_check(lseek(empty, 0, SEEK_CUR) == 77);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", exec);
	victim_check(readlink(path, target, sizeof(target) - 1) > 0);
	victim_check(!strncmp(target, "/memfd:na me (deleted) (deleted)", 32));
}

int main(void)
{
	char path[64];

	exec = memfd_create("na me (deleted)", EXEC | MFD_ALLOW_SEALING);
	noexec = memfd_create("noexec", NOEXEC_SEAL);
	if (exec < 0 || noexec < 0)
		victim_unavailable("memfd_create: %s", strerror(errno));
	victim_check(!fcntl(exec, F_ADD_SEALS, SEAL_EXEC));
	future = memfd_create("future", MFD_ALLOW_SEALING);
	victim_check(!ftruncate(future, 8192));
	writable = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, future, 0);
	victim_check(writable != MAP_FAILED);
	victim_check(!fcntl(future, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", exec);
	readonly = open(path, O_RDONLY);
	empty = memfd_create("", MFD_ALLOW_SEALING);
	victim_check(readonly >= 0 && lseek(empty, 77, SEEK_SET) == 77);
	modes[0] = mode(exec), modes[1] = mode(noexec), modes[2] = mode(future);
	seals[0] = fcntl(exec, F_GET_SEALS), seals[1] = fcntl(noexec, F_GET_SEALS);
	seals[2] = fcntl(future, F_GET_SEALS), seals[3] = fcntl(empty, F_GET_SEALS);
	return victim_run(check);
}

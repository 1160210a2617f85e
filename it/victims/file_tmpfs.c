/*
 * victim: file in /dev/shm
 * category: descriptors
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "victim.h"

static int fd;
static unsigned int count;

static void check(void)
{
	unsigned int seen;

	victim_check(pread(fd, &seen, sizeof(seen), 4096) == sizeof(seen));
	victim_check(seen == count);
	count++;
	victim_check(pwrite(fd, &count, sizeof(count), 4096) == sizeof(count));
}

int main(void)
{
	char name[64];
	int result;

	snprintf(name, sizeof(name), "/victim-%d-%ld", getpid(), (long)time(NULL));
	fd = shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
	victim_check(fd >= 0 && !ftruncate(fd, 8192));
	result = victim_run(check);
	shm_unlink(name);
	return result;
}

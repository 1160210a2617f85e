/*
 * victim: POSIX shared memory that has changed only behind a mapping, far from its ends
 * category: memory
 * link: -lrt
 */
#include "mapping.h"

#define PAGES 1024
#define MIDDLE 500

static uint64_t rounds, *shared;
static char name[64];

/* The file keeps its length and its times: what it holds now must be what was there then. */
static void check(void)
{
	victim_check(*shared == rounds);
	*shared = ++rounds;
}

int main(void)
{
	char *at;
	int fd;

	snprintf(name, sizeof(name), "/dmtcp-behind-%d-%ld", getpid(), (long)time(NULL));
	fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	victim_check(fd >= 0 && ftruncate(fd, PAGES * PAGE) == 0);
	at = mapping_at(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	shared = (uint64_t *)(at + MIDDLE * PAGE);
	victim_run(check);
	shm_unlink(name);
	return 0;
}

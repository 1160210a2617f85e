/*
 * victim: POSIX shared memory (shm_open), with and without its name
 * category: memory
 * link: -lrt
 */
#include "mapping.h"

static char *named, *unnamed;
static char name[64];

static void forget(void)
{
	shm_unlink(name);
}

static void check(void)
{
	static uint64_t round;
	int fd = shm_open(name, O_RDWR, 0600);
	char page[PAGE];

	victim_check(fd >= 0);
	round++;
	mapping_fill(named, 3, round);
	victim_check(pread(fd, page, PAGE, 3 * PAGE) == PAGE);
	victim_check(!memcmp(page, named + 3 * PAGE, PAGE));
	close(fd);
	victim_check(mapping_holds(named, 1, 1) && mapping_holds(unnamed, 2, 2));
	victim_check(mapping_is_zero(named, 5) && mapping_is_zero(unnamed, 5));
}

static char *make(void)
{
	int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	char *at;

	victim_check(fd >= 0 && ftruncate(fd, 16 * PAGE) == 0);
	at = mapping_at(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return at;
}

int main(void)
{
	snprintf(name, sizeof(name), "/dmtcp-victim-%d-%ld", getpid(), (long)time(NULL));
	unnamed = make();
	mapping_fill(unnamed, 2, 2);
	victim_check(shm_unlink(name) == 0);
	named = make();
	mapping_fill(named, 1, 1);
	victim_run(check);
	forget();
	return 0;
}

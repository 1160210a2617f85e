/*
 * victim: mappings of /dev/zero, private and shared
 * category: memory
 */
#include "mapping.h"

static char *private, *shared;

static void check(void)
{
	victim_check(mapping_holds(private, 2, 1) && mapping_is_zero(private, 3));
	victim_check(mapping_holds(shared, 2, 2) && mapping_is_zero(shared, 3));
}

int main(void)
{
	int fd = open("/dev/zero", O_RDWR);

	victim_check(fd >= 0);
	private = mapping_at(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	shared = mapping_at(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	mapping_fill(private, 2, 1);
	mapping_fill(shared, 2, 2);
	return victim_run(check);
}

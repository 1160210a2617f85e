/*
 * victim: shared mappings of a file, read through it and written through them
 * category: memory
 */
#include "mapping.h"

static char *first, *second, *reading;
static int fd;

static void check(void)
{
	static uint64_t round;
	char page[PAGE];

	round++;
	mapping_fill(first, 7, round);
	victim_check(mapping_holds(second - 4 * PAGE, 7, round));
	victim_check(pread(fd, page, PAGE, 7 * PAGE) == PAGE);
	victim_check(!memcmp(page, first + 7 * PAGE, PAGE));
	mapping_fill(page - 8 * PAGE, 8, round);
	victim_check(pwrite(fd, page, PAGE, 8 * PAGE) == PAGE);
	victim_check(mapping_holds(first, 8, round) && mapping_holds(reading, 8, round));
	for (size_t i = 0; i < 7; i++)
		victim_check(mapping_holds(first, i, 1));
	victim_check(mprotect(reading, PAGE, PROT_READ | PROT_WRITE) < 0 && errno == EACCES);
}

int main(void)
{
	int other;

	fd = open("mapped", O_RDWR | O_CREAT | O_TRUNC, 0600);
	victim_check(fd >= 0 && ftruncate(fd, 10 * PAGE) == 0);
	first = mapping_at(NULL, 10 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	second = mapping_at(NULL, 6 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4 * PAGE);
	other = open("mapped", O_RDONLY);
	victim_check(other >= 0);
	reading = mapping_at(NULL, 10 * PAGE, PROT_READ, MAP_SHARED, other, 0);
	close(other);
	for (size_t i = 0; i < 7; i++)
		mapping_fill(first, i, 1);
	return victim_run(check);
}

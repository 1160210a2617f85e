/*
 * victim: private mapping of a data file: untouched, changed and zeroed pages, the end of the file
 * category: memory
 */
#include "mapping.h"

#define PAGES 40

static char *area;

static void check(void)
{
	for (size_t i = 0; i < PAGES; i++) {
		if (i % 4 == 1)
			victim_check(mapping_holds(area, i, 2));
		else if (i % 4 == 2)
			victim_check(mapping_is_zero(area, i));
		else
			victim_check(mapping_holds(area, i, 1));
	}
	victim_check(area[PAGES * PAGE] == 'e' && area[PAGES * PAGE + 1] == 0);
	victim_check(mapping_fault(area + (PAGES + 1) * PAGE) == SIGBUS);
}

int main(void)
{
	int fd = open("data", O_RDWR | O_CREAT | O_TRUNC, 0600);
	char page[PAGE];

	victim_check(fd >= 0);
	for (size_t i = 0; i < PAGES; i++) {
		mapping_fill(page - i * PAGE, i, 1);
		victim_check(write(fd, page, PAGE) == PAGE);
	}
	victim_check(write(fd, "e", 1) == 1); /* the last page is partly behind the end */
	close(fd);
	fd = open("data", O_RDONLY);
	area = mapping_at(NULL, (PAGES + 4) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	close(fd);
	for (size_t i = 0; i < PAGES; i++) {
		if (i % 4 == 1)
			mapping_fill(area, i, 2);
		if (i % 4 == 2)
			memset(area + i * PAGE, 0, PAGE);
	}
	victim_check(mprotect(area, 10 * PAGE, PROT_READ) == 0);
	return victim_run(check);
}

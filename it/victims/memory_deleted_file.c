/*
 * victim: mappings of deleted files: shared with and without a descriptor, private
 * category: memory
 */
#include "mapping.h"

static char *open_still, *closed, *private;
static int fd;

static char *make(const char *name, int flags, int *left_open)
{
	int own = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	char *at;

	victim_check(own >= 0 && ftruncate(own, 8 * PAGE + 100) == 0);
	for (size_t i = 0; i < 8; i++) {
		char page[PAGE];

		mapping_fill(page - i * PAGE, i, 1);
		victim_check(pwrite(own, page, PAGE, i * PAGE) == PAGE);
	}
	at = mapping_at(NULL, 9 * PAGE, PROT_READ | PROT_WRITE, flags, own, 0);
	victim_check(unlink(name) == 0);
	if (left_open)
		*left_open = own;
	else
		close(own);
	return at;
}

static void check(void)
{
	static uint64_t round;
	char page[PAGE];

	round++;
	mapping_fill(open_still, 4, round);
	victim_check(pread(fd, page, PAGE, 4 * PAGE) == PAGE);
	victim_check(!memcmp(page, open_still + 4 * PAGE, PAGE));
	for (size_t i = 0; i < 8; i++) {
		if (i != 4)
			victim_check(mapping_holds(open_still, i, 1));
		victim_check(mapping_holds(closed, i, i == 3 ? 2 : 1));
		victim_check(mapping_holds(private, i, i == 5 ? 3 : 1));
	}
}

int main(void)
{
	open_still = make("one", MAP_SHARED, &fd);
	closed = make("two", MAP_SHARED, NULL);
	private = make("three", MAP_PRIVATE, NULL);
	mapping_fill(closed, 3, 2);
	mapping_fill(private, 5, 3);
	return victim_run(check);
}

/*
 * victim: memory moved and grown with mremap, mappings cut into pieces
 * category: memory
 */
#include "mapping.h"

static char *moved, *pieces, *shared;

static void check(void)
{
	static unsigned int pages = 12;

	for (size_t i = 0; i < 8; i++)
		victim_check(mapping_holds(moved, i, 1));
	for (size_t i = 0; i < 12; i++)
		if (i % 3 != 1)
			victim_check(mapping_holds(pieces, i, 2));
		else
			victim_check(mapping_fault(pieces + i * PAGE) == SIGSEGV);
	for (size_t i = 0; i < 4; i++)
		victim_check(mapping_holds(shared, i, 3));
	moved = mremap(moved, pages * PAGE, (pages + 1) * PAGE, MREMAP_MAYMOVE);
	victim_check(moved != MAP_FAILED);
	pages++;
}

int main(void)
{
	int fd = memfd_create("pieces", MFD_CLOEXEC);
	char *from, *to;

	from = mapping_private(8 * PAGE);
	for (size_t i = 0; i < 8; i++)
		mapping_fill(from, i, 1);
	to = mapping_at(NULL, 16 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	moved = mremap(from, 8 * PAGE, 12 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	victim_check(moved == to);
	victim_check(munmap(to + 12 * PAGE, 4 * PAGE) == 0);
	pieces = mapping_private(12 * PAGE);
	for (size_t i = 0; i < 12; i++) {
		mapping_fill(pieces, i, 2);
		if (i % 3 == 1)
			victim_check(munmap(pieces + i * PAGE, PAGE) == 0);
	}
	/* a shared mapping whose pages lie in another order than the file's */
	victim_check(fd >= 0 && ftruncate(fd, 8 * PAGE) == 0);
	shared = mapping_private(4 * PAGE);
	for (size_t i = 0; i < 4; i++) {
		mapping_at(shared + i * PAGE, PAGE, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_FIXED, fd, (7 - 2 * i) * PAGE);
		mapping_fill(shared, i, 3);
	}
	close(fd);
	return victim_run(check);
}

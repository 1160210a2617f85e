/*
 * victim: huge pages of the pool (MAP_HUGETLB), private and shared
 * category: memory
 * needs: root
 * remark: the pool of the host that restarts must have the pages
 */
#include "mapping.h"

#define HUGE (2ul << 20)

static char *private, *shared;

/* Sets the size of the pool, if @larger only to a larger one. Returns what it was. */
static int set_pool(int pages, bool larger)
{
	FILE *pool = fopen("/proc/sys/vm/nr_hugepages", "r+");
	int before;

	victim_check(pool && fscanf(pool, "%d", &before) == 1);
	if (!larger || pages > before) {
		rewind(pool);
		fprintf(pool, "%d\n", pages);
	}
	fclose(pool);
	return before;
}

static void check(void)
{
	victim_check(mapping_holds(private, 3, 1) && mapping_holds(private, 700, 2));
	victim_check(mapping_holds(shared, 600, 3) && mapping_is_zero(shared, 100));
	victim_check(mapping_has_flag(private, "ht") && mapping_has_flag(shared, "ht"));
}

int main(void)
{
	int before;

	before = set_pool(16, true); /* for us and, after a kill, for the next one */
	private = mapping_at(NULL, 2 * HUGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	shared = mapping_at(NULL, 2 * HUGE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	mapping_fill(private, 3, 1);
	mapping_fill(private, 700, 2);
	mapping_fill(shared, 600, 3);
	victim_run(check);
	munmap(private, 2 * HUGE);
	munmap(shared, 2 * HUGE);
	set_pool(before, false);
	return 0;
}

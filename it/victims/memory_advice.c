/*
 * victim: madvise settings, and what fork makes of them
 * category: memory
 */
#include "mapping.h"

static const struct {
	int advice;
	const char *flag;
} settings[] = {
	{ MADV_DONTFORK, "dc" }, { MADV_WIPEONFORK, "wf" }, { MADV_DONTDUMP, "dd" },
	{ MADV_HUGEPAGE, "hg" }, { MADV_NOHUGEPAGE, "nh" }, { MADV_SEQUENTIAL, "sr" },
	{ MADV_RANDOM, "rr" },	 { MADV_MERGEABLE, "mg" },
};
#define COUNT (sizeof(settings) / sizeof(settings[0]))

static char *areas[COUNT];
static bool taken[COUNT]; /* the kernel may be built without some */
static char *of_file;	  /* private, changed, and not for children */

static void check(void)
{
	int status;
	pid_t child;

	for (size_t i = 0; i < COUNT; i++) {
		if (taken[i])
			victim_check(mapping_has_flag(areas[i], settings[i].flag));
		victim_check(mapping_holds(areas[i], 1, i));
	}
	victim_check(mapping_has_flag(of_file, "dc"));
	victim_check(mapping_holds(of_file, 1, COUNT) && mapping_is_zero(of_file, 2));
	child = fork();
	if (!child) {
		if (mapping_fault(areas[0] + PAGE) != SIGSEGV ||
		    mapping_fault(of_file + PAGE) != SIGSEGV || !mapping_is_zero(areas[1], 1) ||
		    !mapping_holds(areas[2], 1, 2))
			_exit(1);
		_exit(0);
	}
	victim_check(waitpid(child, &status, 0) == child && status == 0);
}

static void map_file(void)
{
	int fd = open("data", O_RDWR | O_CREAT | O_TRUNC, 0600);

	victim_check(fd >= 0 && ftruncate(fd, 4 * PAGE) == 0);
	of_file = mapping_at(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	close(fd);
	mapping_fill(of_file, 1, COUNT);
	victim_check(madvise(of_file, 4 * PAGE, MADV_DONTFORK) == 0);
}

int main(void)
{
	for (size_t i = 0; i < COUNT; i++) {
		areas[i] = mapping_private(16 * PAGE);
		mapping_fill(areas[i], 1, i);
		taken[i] = madvise(areas[i], 16 * PAGE, settings[i].advice) == 0;
	}
	victim_check(taken[0] && taken[1] && taken[2]);
	map_file();
	return victim_run_undisturbed(check);
}

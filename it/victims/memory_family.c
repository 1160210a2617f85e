/*
 * victim: pages in common with parents, children and siblings, and changes of one's own
 * category: memory
 * variants: dynamic static
 */
#include "family.h"
#include "mapping.h"

#define PAGES 512
#define STEP 48 /* of so many pages a process changes a few */

enum role { ROOT, CHILD, GRANDCHILD, OTHER, ORPHAN, TWIN };

static char *area, *loose, *huge;
static char *late; /* only of the orphans */
static enum role role;

/* What the page holds: a seed, 0 for zeros, -1 for what is not looked at. */
static int expected(size_t i)
{
	if (role == OTHER)
		return i % 3 ? 9 : 1;
	if (role == ROOT)
		return i % STEP == 5 ? 4 : 1;
	if (role == ORPHAN || role == TWIN)
		return i % STEP == 7 ? 5 + (int)role : 1;
	if (i >= 200 && i < 210)
		return -1;
	if (role == GRANDCHILD && i % STEP == 9 && (i < 200 || i >= 310))
		return 3;
	if (i % STEP == 11)
		return 2;
	if (i % STEP == 12 || i % STEP == 13)
		return 0;
	return 1;
}

static void check(void)
{
	for (size_t i = 0; i < PAGES; i++) {
		int seed = expected(i);

		if (seed == 0)
			victim_check(mapping_is_zero(area, i));
		else if (seed > 0)
			victim_check(mapping_holds(area, i, seed));
		victim_check(mapping_holds(loose, i, i % STEP == 3 ? 20 + role : 11));
		victim_check(mapping_holds(huge, 2 * i, i % STEP == 6 ? 50 + role : 13));
		if (role == ORPHAN || role == TWIN)
			victim_check(mapping_holds(late, i, i % STEP == 4 ? 30 + role : 12));
	}
	if (role == CHILD || role == GRANDCHILD)
		for (size_t i = 200; i < 205; i++)
			victim_check(mapping_holds(area, i, 40));
}

/* In kB, of all mappings between @from and @to. */
static void measure(const char *from, const char *to, long *resident, long *proportional)
{
	FILE *smaps = fopen("/proc/self/smaps", "re");
	bool in = false;
	char line[512];

	*resident = *proportional = 0;
	victim_check(smaps);
	while (fgets(line, sizeof(line), smaps)) {
		unsigned long start, end;
		long kb;

		if (sscanf(line, "%lx-%lx %*4s", &start, &end) == 2)
			in = start >= (uintptr_t)from && end <= (uintptr_t)to;
		else if (in && sscanf(line, "Rss: %ld", &kb) == 1)
			*resident += kb;
		else if (in && sscanf(line, "Pss: %ld", &kb) == 1)
			*proportional += kb;
	}
	fclose(smaps);
}

/* The others' pages are the same memory, now and later. */
static void check_first(void)
{
	long resident, proportional;

	check();
	measure(loose, loose + PAGES * PAGE, &resident, &proportional);
	if (resident < (long)(PAGES * PAGE / 1024) || proportional > resident / 2)
		victim_bad("%ld kB of memory, of which %ld kB count as ours", resident,
			   proportional);
}

static void change_loose(void)
{
	for (size_t i = 3; i < PAGES; i += STEP)
		mapping_fill(loose, i, 20 + role);
	for (size_t i = 6; i < PAGES; i += STEP)
		mapping_fill(huge, 2 * i, 50 + role);
}

static void __attribute__((noreturn)) live_as_child(void)
{
	for (size_t i = 0; i < PAGES; i++) {
		if (i % STEP == 11)
			mapping_fill(area, i, 2);
		else if (i % STEP == 12)
			memset(area + i * PAGE, 0, PAGE);
		else if (i % STEP == 13)
			victim_check(madvise(area + i * PAGE, PAGE, MADV_DONTNEED) == 0);
	}
	/* something else in the middle of it, and a hole beside that */
	victim_check(munmap(area + 200 * PAGE, 10 * PAGE) == 0);
	mapping_at(area + 200 * PAGE, 5 * PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	for (size_t i = 200; i < 205; i++)
		mapping_fill(area, i, 40);
	victim_check(mprotect(area + 300 * PAGE, 10 * PAGE, PROT_READ) == 0);
	if (fork() == 0) {
		role = GRANDCHILD;
		for (size_t i = 9; i < PAGES; i += STEP)
			if (i < 200 || i >= 310)
				mapping_fill(area, i, 3);
	}
	change_loose();
	family_live(check);
}

/* Their parent, which gave them all of @late, is gone. */
static void start_orphans(void)
{
	int status;
	pid_t between = fork();

	if (between) {
		victim_check(waitpid(between, &status, 0) == between && !status);
		return;
	}
	between = getpid();
	late = mapping_private(PAGES * PAGE);
	for (size_t i = 0; i < PAGES; i++)
		mapping_fill(late, i, 12);
	for (role = ORPHAN; role <= TWIN; role++) {
		if (fork())
			continue;
		for (int i = 0; i < 500 && getppid() == between; i++)
			family_pause(5);
		for (size_t i = 7; i < PAGES; i += STEP)
			mapping_fill(area, i, 5 + role);
		for (size_t i = 4; i < PAGES; i += STEP)
			mapping_fill(late, i, 30 + role);
		change_loose();
		family_live(check);
	}
	_exit(0);
}

int main(void)
{
	family_start();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	area = mapping_private(PAGES * PAGE);
	loose = mapping_at(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	huge = mapping_private(2 * PAGES * PAGE);
	madvise(huge, 2 * PAGES * PAGE, MADV_HUGEPAGE); /* EINVAL: the kernel has none */
	for (size_t i = 0; i < PAGES; i++) {
		mapping_fill(area, i, 1);
		mapping_fill(loose, i, 11);
		mapping_fill(huge, 2 * i, 13);
	}
	if (fork() == 0) {
		role = CHILD;
		live_as_child();
	}
	if (fork() == 0) {
		role = OTHER;
		for (size_t i = 0; i < PAGES; i++)
			if (i % 3)
				mapping_fill(area, i, 9);
		change_loose();
		family_live(check);
	}
	start_orphans();
	family_await(5);
	for (size_t i = 5; i < PAGES; i += STEP)
		mapping_fill(area, i, 4);
	change_loose();
	return family_run(check_first);
}

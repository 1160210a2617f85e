/*
 * victim: shared huge pages of which every process has touched others, and a huge memfd
 * category: memory
 * remark: needs a pool of huge pages (vm.nr_hugepages); without one ordinary pages are used
 */
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "victim.h"

#define PAGE (2u << 20)
#define PAGES 4

static uint8_t *shared;
static int memory;

static void check(void)
{
	char text[8] = "";

	for (int n = 0; n < PAGES; n++)
		victim_check(shared[n * PAGE + 7] == n + 100);
	victim_check(pread(memory, text, 5, 0) == 5 && !strcmp(text, "inner"));
}

int main(void)
{
	int huge = MAP_HUGETLB, flags = MFD_HUGETLB;
	char *view;
	pid_t child;

	shared = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | huge, -1, 0);
	if (shared == MAP_FAILED) {
		flags = 0;
		shared = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	}
	victim_check(shared != MAP_FAILED);
	memory = memfd_create("huge", flags);
	victim_check(memory >= 0 && !ftruncate(memory, PAGE));
	view = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	if (view == MAP_FAILED) { /* the pool is too small for this one as well */
		close(memory);
		memory = memfd_create("small", 0);
		victim_check(memory >= 0 && !ftruncate(memory, PAGE));
		view = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	}
	victim_check(view != MAP_FAILED);
	strcpy(view, "inner");
	victim_check(!munmap(view, PAGE));
	shared[7] = 100;
	/* The others are touched by a child only: this process has no page table entries for them. */
	child = fork();
	if (!child) {
		for (int n = 1; n < PAGES; n++)
			shared[n * PAGE + 7] = n + 100;
		_exit(0);
	}
	victim_check(waitpid(child, NULL, 0) == child);
	victim_ready();
	while (victim_tick())
		;
	check();
	return victim_ok();
}

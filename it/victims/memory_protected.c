/*
 * victim: data behind PROT_NONE, read-only, execute-only and write-only protection
 * category: memory
 */
#include "mapping.h"

static const int protections[] = { PROT_NONE, PROT_READ, PROT_EXEC, PROT_WRITE,
				   PROT_READ | PROT_EXEC,
				   PROT_READ | PROT_WRITE | PROT_EXEC };
static const char *const shown[] = { "---p", "r--p", "--xp", "-w-p", "r-xp", "rwxp" };
#define COUNT (sizeof(protections) / sizeof(protections[0]))

static char *areas[COUNT];

static void check(void)
{
	struct mapping_shown m;

	for (size_t i = 0; i < COUNT; i++) {
		victim_check(mapping_show(areas[i], &m));
		victim_check(!strcmp(m.permissions, shown[i]));
		if (protections[i] == PROT_NONE)
			victim_check(mapping_fault(areas[i]) == SIGSEGV);
		victim_check(mprotect(areas[i], 4 * PAGE, PROT_READ) == 0);
		for (size_t k = 0; k < 4; k++)
			victim_check(k == 2 ? mapping_is_zero(areas[i], k) :
					      mapping_holds(areas[i], k, i));
		victim_check(mprotect(areas[i], 4 * PAGE, protections[i]) == 0);
	}
}

int main(void)
{
	for (size_t i = 0; i < COUNT; i++) {
		/* a hole around each, so that none merges with another */
		areas[i] = mapping_private(6 * PAGE);
		victim_check(munmap(areas[i], PAGE) == 0 && munmap(areas[i] + 5 * PAGE, PAGE) == 0);
		areas[i] += PAGE;
		for (size_t k = 0; k < 4; k++)
			if (k != 2)
				mapping_fill(areas[i], k, i);
		victim_check(mprotect(areas[i], 4 * PAGE, protections[i]) == 0);
	}
	return victim_run(check);
}

/*
 * victim: code made at run time, and the program's own code patched
 * category: memory
 * variants: dynamic static
 */
#include "mapping.h"

static int (*made)(void);

__attribute__((noinline, aligned(4096))) static int patched(void)
{
	return 1;
}

static void check(void)
{
	struct mapping_shown m;

	victim_check(made() == 42);
	victim_check(((int (*volatile)(void))patched)() == 43);
	victim_check(mapping_show((void *)made, &m) && !strcmp(m.permissions, "r-xp"));
}

int main(void)
{
	static const unsigned char code[] = { 0xb8, 42, 0, 0, 0, 0xc3 }; /* mov $42, %eax; ret */
	unsigned char *page = mapping_private(PAGE);
	unsigned char *own = (unsigned char *)(void *)patched;

	memcpy(page, code, sizeof(code));
	victim_check(mprotect(page, PAGE, PROT_READ | PROT_EXEC) == 0);
	made = (int (*)(void))(void *)page;
	victim_check(mprotect(own, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
	memcpy(own, code, sizeof(code));
	own[1] = 43;
	victim_check(mprotect(own, PAGE, PROT_READ | PROT_EXEC) == 0);
	return victim_run(check);
}

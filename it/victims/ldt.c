/*
 * victim: segments of its own (modify_ldt), one of them selected by a register
 * category: process
 */
#include <asm/ldt.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "victim.h"

#define SELECTOR(number) ((number) << 3 | 7) /* in the local table, of user code */
#define DATA_AT 5
#define FREE_AT 6 /* used up and given back */
#define MANY_AT 300

static char *segment; /* below 4 GiB, as its base has 32 bits */

static void install(struct user_desc entry)
{
	if (syscall(SYS_modify_ldt, 0x11, &entry, sizeof(entry)))
		victim_unavailable("modify_ldt: %s", strerror(errno));
}

static struct user_desc data_segment(unsigned int number, unsigned int limit)
{
	return (struct user_desc){ .entry_number = number,
				   .base_addr = (unsigned int)(unsigned long)segment,
				   .limit = limit, .seg_32bit = 1, .useable = 1 };
}

static unsigned long long before[512], now[512];
static int bytes;

static void check(void)
{
	unsigned short selected;
	int value;

	asm volatile("mov %%gs, %0" : "=r"(selected));
	victim_check(selected == SELECTOR(DATA_AT));
	asm volatile("movl %%gs:16, %0" : "=r"(value));
	victim_check(value == 4711);
	asm volatile("movl %0, %%gs:20" : : "r"(value + 1) : "memory");
	victim_check(*(volatile int *)(segment + 20) == 4712);
	memset(now, 0, sizeof(now));
	victim_check(syscall(SYS_modify_ldt, 0, now, sizeof(now)) == bytes);
	for (int n = 0; n < 512; n++)
		if (now[n] != before[n])
			victim_bad("segment %d is %llx, not %llx", n, now[n], before[n]);
}

int main(void)
{
	struct user_desc empty = { .entry_number = FREE_AT, .read_exec_only = 1,
				   .seg_not_present = 1 };
	struct user_desc code = { .entry_number = MANY_AT, .limit = 0xfffff, .seg_32bit = 1,
				  .contents = 2, .limit_in_pages = 1, .useable = 1 };

	segment = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT,
		       -1, 0);
	victim_check(segment != MAP_FAILED);
	*(int *)(segment + 16) = 4711;
	install(data_segment(DATA_AT, 4095));
	install(data_segment(FREE_AT, 100));
	install(empty);
	install(code);
	/* The processor marks a segment that is selected: before it is looked at. */
	asm volatile("mov %0, %%gs" : : "r"((unsigned short)SELECTOR(DATA_AT)));
	bytes = syscall(SYS_modify_ldt, 0, before, sizeof(before));
	victim_check(bytes > 0 && before[DATA_AT] && before[MANY_AT] && !before[FREE_AT]);
	return victim_run(check);
}

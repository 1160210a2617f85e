/*
 * victim: 32-bit code that a 64-bit program has jumped to
 * category: process
 * refused: runs 32-bit code
 * variants: dynamic
 */
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>

#include "victim.h"

#define CODE_32 0x23 /* __USER32_CS, asm/segment.h */
#define DATA 0x2b    /* __USER_DS: 64-bit code does without */

static volatile uint32_t *count; /* below 4 GiB, as the code is */
static uint32_t last;

static const uint8_t code[] = {
	0xff, 0x05, 0, 0, 0, 0, /* incl count */
	0xf3, 0x90,             /* pause */
	0xeb, 0xf6,             /* jmp to the first */
};

static void *jump(void *low)
{
	struct {
		uint32_t offset;
		uint16_t segment;
	} __attribute__((packed)) target = { (uint32_t)(uintptr_t)low, CODE_32 };

	__asm__ volatile("mov %1, %%ds\n\tljmp *%0" : : "m"(target), "r"(DATA));
	return NULL;
}

static void check(void)
{
	uint32_t now = *count;

	victim_check(now != last);
	last = now;
}

int main(void)
{
	uint8_t *low = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	uint32_t address;
	pthread_t thread;

	victim_check(low != MAP_FAILED);
	count = (uint32_t *)(low + 4096);
	address = (uintptr_t)count;
	memcpy(low, code, sizeof(code));
	memcpy(low + 2, &address, sizeof(address));
	victim_check(!pthread_create(&thread, NULL, jump, low));
	while (!*count)
		usleep(1000);
	return victim_run(check);
}

/*
 * victim: program break: grows and shrinks after a restart
 * category: memory
 * variants: dynamic static
 */
#include <stdint.h>

#include "victim.h"

static uint8_t *base;
static size_t held;

static void check(void)
{
	victim_check(sbrk(0) == base + held);
	for (size_t i = 0; i < held; i += 4096)
		victim_check(base[i] == (uint8_t)(i >> 12));
	victim_check(sbrk(3 << 12) == base + held);
	for (int i = 0; i < 3; i++, held += 4096)
		base[held] = held >> 12;
	if (held > 64 << 12) {
		held -= 32 << 12;
		victim_check(brk(base + held) == 0);
	}
}

int main(void)
{
	base = sbrk(0);
	return victim_run(check);
}

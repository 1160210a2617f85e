/*
 * victim: x87, SSE and AVX registers and control words
 * category: threads
 */
#include <pthread.h>
#include <stdint.h>

#include "victim.h"

static volatile int stop;
static volatile unsigned long turns;

/* Spins with known values in all ymm registers and never lets C touch them in between. */
static void *spin(void *unused)
{
	static const uint64_t pattern[4] = { 0x1122334455667788, 0x99aabbccddeeff00,
					     0x0f1e2d3c4b5a6978, 0x8796a5b4c3d2e1f0 };
	uint64_t out[4];

	while (!stop) {
		__asm__ volatile("vmovdqu %1, %%ymm0\n\tvmovdqu %1, %%ymm7\n\t"
				 "vmovdqu %1, %%ymm15\n\tmov $2000000, %%rcx\n"
				 "1:\tdec %%rcx\n\tjnz 1b\n\t"
				 "vpand %%ymm0, %%ymm7, %%ymm7\n\tvpand %%ymm15, %%ymm7, %%ymm7\n\t"
				 "vmovdqu %%ymm7, %0"
				 : "=m"(out)
				 : "m"(pattern)
				 : "rcx", "xmm0", "xmm7", "xmm15", "memory");
		if (memcmp(out, pattern, sizeof(out)))
			victim_bad("ymm registers changed");
		turns++;
	}
	return unused;
}

static void check(void)
{
	uint32_t mxcsr;
	uint16_t control;

	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	__asm__ volatile("fnstcw %0" : "=m"(control));
	victim_check((mxcsr & 0x6000) == 0x6000);
	victim_check((control & 0x0c00) == 0x0c00);
	victim_check(turns < ~0ul);
}

int main(void)
{
	uint32_t mxcsr;
	uint16_t control;
	pthread_t thread;

	if (!__builtin_cpu_supports("avx2")) {
		victim_say("no AVX2 here: only the control words are checked");
	} else {
		victim_check(pthread_create(&thread, NULL, spin, NULL) == 0);
	}
	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	mxcsr |= 0x6000; /* round towards zero */
	__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
	__asm__ volatile("fnstcw %0" : "=m"(control));
	control |= 0x0c00;
	__asm__ volatile("fldcw %0" : : "m"(control));
	return victim_run(check);
}

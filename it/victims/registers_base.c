/*
 * victim: base registers of its own (arch_prctl), of two threads
 * category: threads
 * scenarios: cycles twice
 * link: -pthread
 */
#include <asm/prctl.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "victim.h"

static unsigned long words[2] = { 0x1234567890abcdef, 0xfedcba0987654321 };
static volatile int ready, bad;

static bool is(int n)
{
	unsigned long value, base = 0;

	__asm__ volatile("mov %%gs:0, %0" : "=r"(value));
	syscall(SYS_arch_prctl, ARCH_GET_GS, &base);
	return value == words[n] && base == (unsigned long)&words[n];
}

static void *run(void *nothing)
{
	syscall(SYS_arch_prctl, ARCH_SET_GS, &words[1]);
	ready = 1;
	for (;;) {
		usleep(20000);
		if (!is(1))
			bad = 1;
	}
	return nothing;
}

static void check(void)
{
	victim_check(is(0) && !bad);
}

int main(void)
{
	pthread_t thread;

	victim_check(!syscall(SYS_arch_prctl, ARCH_SET_GS, &words[0]));
	victim_check(!pthread_create(&thread, NULL, run, NULL));
	while (!ready)
		usleep(1000);
	return victim_run(check);
}

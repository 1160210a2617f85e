/*
 * victim: AVX-512 registers and masks
 * category: threads
 * remark: processors without it are not checked
 */
#include <immintrin.h>
#include <pthread.h>

#include "victim.h"

static volatile int finish, bad;

/* Holds the registers over a system call, which leaves them alone. */
__attribute__((target("avx512f,avx512bw"))) static bool hold(unsigned char seed)
{
	static __thread unsigned char before[64], after[64];
	unsigned long mask = 0x123456789abcdef0ul ^ seed, mask_after = 0;
	struct timespec pause = { .tv_nsec = 20000000 };
	long result;

	for (int n = 0; n < 64; n++)
		before[n] = seed + n * 3;
	__asm__ volatile("vmovdqu64 %[in], %%zmm5\n\tvmovdqu64 %[in], %%zmm29\n\t"
			 "kmovq %[mask], %%k3\n\tsyscall\n\t"
			 "vpaddb %%zmm29, %%zmm5, %%zmm6\n\tvmovdqu64 %%zmm6, %[out]\n\t"
			 "kmovq %%k3, %[mask_out]"
			 : "=a"(result), [out] "=m"(after), [mask_out] "=r"(mask_after)
			 : "a"(35L), "D"(&pause), "S"(NULL), [in] "m"(before), [mask] "r"(mask)
			 : "rcx", "r11", "memory", "xmm5", "xmm6", "xmm29", "k3");
	for (int n = 0; n < 64; n++)
		if (after[n] != (unsigned char)(2 * before[n]))
			return false;
	return mask_after == mask;
}

static void *live(void *seed)
{
	while (!finish)
		if (!hold((unsigned char)(long)seed))
			bad = 1;
	return NULL;
}

static void check(void)
{
	victim_check(!bad);
}

int main(void)
{
	pthread_t threads[3];
	sigset_t signals;
	int result;

	if (!__builtin_cpu_supports("avx512bw"))
		return victim_run(check);
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	for (long n = 0; n < 3; n++)
		victim_check(!pthread_create(&threads[n], NULL, live, (void *)(n * 50)));
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
	result = victim_run(check);
	finish = 1;
	for (int n = 0; n < 3; n++)
		pthread_join(threads[n], NULL);
	return result;
}

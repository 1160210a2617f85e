/*
 * victim: memory policies (NUMA): of threads and of mappings
 * category: memory
 * link: -pthread
 */
#include <linux/mempolicy.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "victim.h"

#define PAGES 64

static char *plain, *shared;
static volatile int thread_ready, thread_bad;
static const unsigned long node0 = 1;

static int policy_of(void *address, unsigned int flags, unsigned long *nodes)
{
	unsigned long mask[16] = { 0 };
	int mode;

	victim_check(!syscall(SYS_get_mempolicy, &mode, mask, 1025, address, flags));
	*nodes = mask[0];
	return mode;
}

static bool is(void *address, unsigned int flags, int wanted, unsigned long wanted_nodes)
{
	unsigned long nodes;

	return policy_of(address, flags, &nodes) == wanted && nodes == wanted_nodes;
}

static void bind_to_0(void *address, int pages, int mode)
{
	if (syscall(SYS_mbind, address, pages * 4096l, mode, &node0, 65, 0))
		victim_unavailable("mbind: %s", strerror(errno));
}

static void *run(void *nothing)
{
	victim_check(!syscall(SYS_set_mempolicy, MPOL_BIND | MPOL_F_STATIC_NODES, &node0, 65));
	thread_ready = 1;
	for (;;) {
		usleep(50000);
		if (!is(NULL, 0, MPOL_BIND | MPOL_F_STATIC_NODES, 1))
			thread_bad = 1;
	}
	return nothing;
}

static void check(void)
{
	victim_check(!thread_bad && is(NULL, 0, MPOL_INTERLEAVE, 1));
	victim_check(is(plain, MPOL_F_ADDR, MPOL_DEFAULT, 0));
	victim_check(is(plain + 8 * 4096, MPOL_F_ADDR, MPOL_BIND, 1));
	victim_check(is(plain + 9 * 4096, MPOL_F_ADDR, MPOL_BIND, 1));
	victim_check(is(plain + 10 * 4096, MPOL_F_ADDR, MPOL_DEFAULT, 0));
	victim_check(is(shared, MPOL_F_ADDR, MPOL_PREFERRED, 1));
	for (int n = 0; n < PAGES; n++)
		victim_check(plain[n * 4096] == (char)n && shared[n * 4096] == (char)-n);
}

int main(void)
{
	pthread_t thread;

	plain = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	shared = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	victim_check(plain != MAP_FAILED && shared != MAP_FAILED);
	bind_to_0(plain + 8 * 4096, 2, MPOL_BIND);
	bind_to_0(shared, PAGES, MPOL_PREFERRED);
	for (int n = 0; n < PAGES; n++) {
		plain[n * 4096] = (char)n;
		shared[n * 4096] = (char)-n;
	}
	victim_check(!pthread_create(&thread, NULL, run, NULL));
	while (!thread_ready)
		usleep(1000);
	victim_check(!syscall(SYS_set_mempolicy, MPOL_INTERLEAVE, &node0, 65));
	return victim_run(check);
}

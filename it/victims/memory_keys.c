/*
 * victim: memory protection keys
 * category: memory
 * remark: processors without them are not checked
 */
#include <setjmp.h>
#include <sys/mman.h>

#include "victim.h"

static int closed_key, open_key;
static char *closed, *opened;
static sigjmp_buf back;

static void on_fault(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	siglongjmp(back, info->si_code == SEGV_PKUERR ? 1 : 2);
}

static void check(void)
{
	volatile char byte;

	victim_check(opened[0] == 'o');
	switch (sigsetjmp(back, 1)) {
	case 0:
		byte = closed[0];
		victim_bad("the key does not protect: %c", byte);
		break;
	case 2:
		victim_bad("a fault of another kind");
	}
	victim_check(pkey_get(closed_key) == PKEY_DISABLE_ACCESS && pkey_get(open_key) == 0);
	victim_check(!pkey_set(closed_key, 0) && closed[0] == 'c');
	victim_check(!pkey_set(closed_key, PKEY_DISABLE_ACCESS));
	/* Both are still taken. */
	{
		int next = pkey_alloc(0, 0);

		victim_check(next < 0 || (next != closed_key && next != open_key));
		if (next >= 0)
			victim_check(!pkey_free(next));
	}
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	open_key = pkey_alloc(0, 0);
	if (open_key < 0) {
		victim_ready();
		while (victim_tick())
			;
		return victim_ok();
	}
	closed_key = pkey_alloc(0, 0);
	opened = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	closed = opened + 4096;
	opened[0] = 'o';
	closed[0] = 'c';
	victim_check(closed_key >= 0 && !sigaction(SIGSEGV, &action, NULL));
	victim_check(!pkey_mprotect(opened, 4096, PROT_READ | PROT_WRITE, open_key));
	victim_check(!pkey_mprotect(closed, 4096, PROT_READ | PROT_WRITE, closed_key));
	victim_check(!pkey_set(closed_key, PKEY_DISABLE_ACCESS));
	return victim_run(check);
}

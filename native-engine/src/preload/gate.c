#include "gate.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../common/monotonic.h"
#include "contain.h"
#include "per_thread.h"
#include "thread_resume.h"

#define CLOSED 0x80000000u /* the rest counts the threads that hold it */

static uint32_t gate;

/* In a hook: the gate is closed for its own checkpoint or restart. It need not keep that out. */
static bool passes(void)
{
	return contain_is_here() || thread_resume_is_here();
}

static void wait_for_change(uint32_t seen, const struct timespec *limit)
{
	syscall(SYS_futex, &gate, FUTEX_WAIT_PRIVATE, seen, limit, NULL, 0);
}

static void wake_all(void)
{
	syscall(SYS_futex, &gate, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

bool gate_hold(void)
{
	uint32_t seen = __atomic_load_n(&gate, __ATOMIC_SEQ_CST);
	struct per_thread own = per_thread_get();
	bool nested = own.held++;

	if (!per_thread_set(own))
		return false;
	if (nested || passes())
		return true;
	for (;;) {
		if (seen & CLOSED) {
			wait_for_change(seen, NULL);
			seen = __atomic_load_n(&gate, __ATOMIC_SEQ_CST);
		} else if (__atomic_compare_exchange_n(&gate, &seen, seen + 1, false,
						       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
			return true;
		}
	}
}

bool gate_release(void)
{
	struct per_thread own = per_thread_get();

	if (!own.held)
		return false;
	own.held--;
	per_thread_set(own);
	if (!own.held && !passes()) {
		__atomic_sub_fetch(&gate, 1, __ATOMIC_SEQ_CST);
		wake_all();
	}
	return true;
}

bool gate_close(uint32_t timeout_ms)
{
	uint64_t deadline = monotonic_ms() + timeout_ms;
	/* From here on nobody new comes in. */
	uint32_t seen = __atomic_or_fetch(&gate, CLOSED, __ATOMIC_SEQ_CST);

	while (seen != CLOSED) {
		struct timespec limit = { .tv_nsec = 10000000 };

		if (monotonic_ms() >= deadline) {
			gate_open();
			return false;
		}
		wait_for_change(seen, &limit);
		seen = __atomic_load_n(&gate, __ATOMIC_SEQ_CST);
	}
	return true;
}

void gate_open(void)
{
	__atomic_and_fetch(&gate, ~CLOSED, __ATOMIC_SEQ_CST);
	wake_all();
}

void gate_after_fork(void)
{
	gate = per_thread_get().held ? 1 : 0;
}

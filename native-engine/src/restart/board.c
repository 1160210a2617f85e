#include "board.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../common/monotonic.h"
#include "../common/proc.h"

#define LOOK_INTERVAL_MS 200

/*
 * Raw calls: a new process that shares its creator's memory (CLONE_VM) waits here while its creator
 * runs on, so nothing may be used that both have only once, such as errno.
 */
static long futex(uint32_t *word, int operation, uint32_t value, const struct timespec *timeout)
{
	register long r10 __asm__("r10") = (long)timeout;
	register long r8 __asm__("r8") = 0;
	register long r9 __asm__("r9") = 0;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(SYS_futex), "D"(word), "S"(operation), "d"(value), "r"(r10), "r"(r8),
			   "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static uint32_t load(uint32_t *word)
{
	return atomic_load((_Atomic uint32_t *)word);
}

static size_t board_bytes(size_t places)
{
	return sizeof(struct board) + places * sizeof(struct board_place);
}

struct board *board_create(size_t places)
{
	struct board *b = mmap(NULL, board_bytes(places), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (b == MAP_FAILED)
		return NULL;
	b->place_count = places;
	return b;
}

void board_destroy(struct board *b)
{
	if (b)
		munmap(b, board_bytes(b->place_count));
}

void board_arrive(struct board *b, size_t place, enum board_stage stage)
{
	atomic_store((_Atomic uint32_t *)&b->places[place].reached, stage + 1);
	futex(&b->places[place].reached, FUTEX_WAKE, INT_MAX, NULL);
	atomic_fetch_add((_Atomic uint32_t *)&b->arrived[stage], 1);
	futex(&b->arrived[stage], FUTEX_WAKE, 1, NULL);
}

void board_wait(struct board *b, enum board_stage stage)
{
	uint32_t open;

	while ((open = load(&b->open)) <= (uint32_t)stage)
		futex(&b->open, FUTEX_WAIT, open, NULL);
}

void board_wait_for(struct board *b, size_t place, enum board_stage stage)
{
	uint32_t reached;

	while ((reached = load(&b->places[place].reached)) <= (uint32_t)stage)
		futex(&b->places[place].reached, FUTEX_WAIT, reached, NULL);
}

void board_fail(struct board *b, int error, const struct fault *fault)
{
	uint32_t none = 0;

	if (!atomic_compare_exchange_strong((_Atomic uint32_t *)&b->failed, &none, 1))
		return;
	b->error = error;
	b->fault = *fault;
	atomic_store((_Atomic uint32_t *)&b->failed, 2);
	for (int stage = 0; stage < BOARD_STAGES; stage++)
		futex(&b->arrived[stage], FUTEX_WAKE, 1, NULL);
}

void board_open(struct board *b, enum board_stage stage)
{
	atomic_store((_Atomic uint32_t *)&b->open, stage + 1);
	futex(&b->open, FUTEX_WAKE, INT_MAX, NULL);
}

/* A process that died on its way cannot say so itself. */
static int look_for_the_dead(struct board *b, enum board_stage stage, struct fault *fault)
{
	for (uint32_t i = 0; i < b->place_count; i++) {
		struct board_place *place = &b->places[i];
		struct proc_stat stat;

		if (!place->pid || place->done || place->reached > (uint32_t)stage)
			continue;
		if (proc_stat(place->pid, &stat) == 0 && stat.state != 'Z')
			continue;
		if (place->reached > (uint32_t)stage || place->done)
			continue;
		return fault_set(fault, ECHILD, "internal",
				 "process %d ended while it was being restored (step %d)",
				 place->pid, stage);
	}
	return 0;
}

int board_await(struct board *b, enum board_stage stage, uint32_t count, uint32_t timeout_ms,
		struct fault *fault)
{
	const struct timespec look = { .tv_nsec = LOOK_INTERVAL_MS * 1000000l };
	uint64_t deadline = monotonic_ms() + timeout_ms;
	uint32_t arrived;
	int ret;

	for (;;) {
		if (load(&b->failed) == 2) {
			if (fault)
				*fault = b->fault;
			return b->error ? b->error : -EIO;
		}
		arrived = load(&b->arrived[stage]);
		if (arrived >= count)
			return 0;
		if (futex(&b->arrived[stage], FUTEX_WAIT, arrived, &look) != -ETIMEDOUT)
			continue;
		ret = look_for_the_dead(b, stage, fault);
		if (ret < 0)
			return ret;
		if (monotonic_ms() > deadline)
			return fault_set(fault, ETIMEDOUT, "internal",
					 "%u of %u processes did not come to step %d in %u s",
					 count - arrived, count, stage, timeout_ms / 1000);
	}
}

/*
 * Memory that the builder shares with the processes it makes: where they wait for each other, and
 * where one that cannot go on says why.
 */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../common/fault.h"

enum board_stage {
	BOARD_CREATED,  /* every process exists, leaders lead */
	BOARD_JOINED,   /* everyone is in its group */
	BOARD_SETTLED,  /* temporary leaders have gone, orphans have their parent */
	BOARD_STANDING, /* what a process does itself is done: it waits for the tracer */
	BOARD_STAGES,
};

struct board {
	uint32_t arrived[BOARD_STAGES]; /* futex words: how many have come */
	uint32_t open;                  /* futex word: number of stages that are over */
	uint32_t failed;                /* 1: @fault is being written, 2: it is there */
	int32_t error;
	struct fault fault;
	uint32_t place_count;
	struct board_place {
		int32_t pid;
		uint32_t reached; /* futex word: stages it has come to */
		uint32_t done;    /* it ends by itself: not to be missed */
		uint32_t without; /* it has let go of what it was to inherit */
	} places[];
};

/* Shared by fork, anonymous. NULL without memory. */
struct board *board_create(size_t places);
void board_destroy(struct board *b);

/* In a process at @place: tells that it has reached @stage. */
void board_arrive(struct board *b, size_t place, enum board_stage stage);
/* Waits until @stage is over. The builder limits it: when it gives up, all are killed. */
void board_wait(struct board *b, enum board_stage stage);
/* Waits until the process at @place has passed through @stage's step. */
void board_wait_for(struct board *b, size_t place, enum board_stage stage);
/* The first failure is kept; the builder sees it. */
void board_fail(struct board *b, int error, const struct fault *fault);

/*
 * In the builder: waits until @count processes have reached @stage, at most @timeout_ms. A process
 * that ended before it came is named.
 */
int board_await(struct board *b, enum board_stage stage, uint32_t count, uint32_t timeout_ms,
		struct fault *fault);
/* Lets everyone pass @stage. */
void board_open(struct board *b, enum board_stage stage);

#endif

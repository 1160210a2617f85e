/* Many system calls inside a stopped thread for the price of a few: a loop over a table. */
#ifndef BATCH_H
#define BATCH_H

#include "process.h"

#define BATCH_CALLS 4096
#define BATCH_TEXT_BYTES 65536

/*
 * For processes that are being rebuilt only: one that runs on would not survive the death of its
 * tracer inside the loop, whose end is a trap.
 *
 * A loop and its table in the memory of a stopped thread. One injected call costs about 24 us
 * (engine-facts 1.2), one of a batch under 1 us: what matters for 100,000 mappings.
 */
struct batch {
	struct thread *thread;
	uint64_t address; /* of the work area: code page, table, text */
	uint64_t text;    /* BATCH_TEXT_BYTES of scratch memory that calls may point at */
	bool one_by_one;  /* the kernel refused an executable page */
};

/* Bytes of address space that a batch needs. */
uint64_t batch_area_bytes(void);
/* Maps the work area at @address, which must be free. Between inject_begin() and inject_end(). */
int batch_open(struct batch *b, struct thread *t, uint64_t address, struct fault *fault);
/* The same where the kernel finds room. */
int batch_open_anywhere(struct batch *b, struct thread *t, struct fault *fault);
/*
 * Executes all @count calls in order, whatever they return. A negative return: the thread is lost
 * or the calls could not be made.
 */
int batch_run(struct batch *b, struct batch_call *calls, size_t count);
/* Unmaps the work area. */
int batch_close(struct batch *b);

#endif

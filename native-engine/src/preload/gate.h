/*
 * What keeps checkpoints out: any number of threads of the program hold it open, or the helper has
 * closed it from PRESUSPEND to the end of the round.
 */
#ifndef GATE_H
#define GATE_H

#include <stdbool.h>
#include <stdint.h>

/* Nests in one thread; waits while the gate is closed. false: as per_thread_set(), it is not held. */
bool gate_hold(void);
/* false: this thread does not hold it. */
bool gate_release(void);
/* Closes it when nobody holds it any more. false: somebody still did after @timeout_ms; it is open. */
bool gate_close(uint32_t timeout_ms);
void gate_open(void);
/* In a forked child: only the calling thread is left. */
void gate_after_fork(void);

#endif

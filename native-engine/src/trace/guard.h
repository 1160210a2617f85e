/* A burst of injected calls survives the death of its tracer. */
#ifndef TRACE_GUARD_H
#define TRACE_GUARD_H

#include "process.h"

/* Takes a place for the burst of @t and points its registers there. False: none is free. */
bool guard_enter(struct thread *t);
void guard_leave(struct thread *t);

/* Where a call that makes a process is injected: it does not outlive its tracer. */
uint64_t guard_birth(const struct thread *t);

#define GUARD_CALLS 64u

/*
 * For a burst that has a place: a loop at guard_loop() makes the calls of the table (rbx, r12: how
 * many), then sends its thread (r13, r14: process and thread as they know themselves) signal r15,
 * and is at guard_loop_end(). Should nobody take the signal there, the thread gives itself back.
 */
uint64_t guard_loop(const struct thread *t);
uint64_t guard_loop_end(const struct thread *t);
/* Room for GUARD_CALLS; and behind it SCRATCH_BYTES. */
uint64_t guard_table(const struct process *p);
uint64_t guard_scratch(const struct process *p);
/* Unmaps it, before the thaw. */
void guard_close(struct process *p);

/* ---- for park.c: a thread that is at its parking place gives itself back when the word is 0 ---- */

uint64_t guard_hold_word(const struct process *p);
uint64_t guard_parking(const struct thread *t);
/* False: there is no room. */
bool guard_prepare_parking(const struct thread *t);
/* It was found waiting so, for somebody else's word. */
bool guard_is_held(const struct thread *t);

#endif

/* The system call that a thread was in at the checkpoint, on its way to a restored process. */
#ifndef INTERRUPTED_CALL_H
#define INTERRUPTED_CALL_H

#include "../trace/process.h"

/*
 * Prepares t->regs, as captured, for a thread that has not begun the call: the kernel's own memory
 * of how to go on (its restart block) has stayed behind. Reads the process's memory.
 */
void interrupted_call_prepare(struct thread *t);

#endif

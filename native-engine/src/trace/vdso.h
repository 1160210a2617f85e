#ifndef TRACE_VDSO_H
#define TRACE_VDSO_H

#include "process.h"

/* Finds a process's vDSO and a `syscall` instruction in it (or in other code of the process). */
int vdso_find(struct process *p, struct fault *fault);

#endif

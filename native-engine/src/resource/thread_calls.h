/* Calls of one thread that is being restored, made together. */
#ifndef THREAD_CALLS_H
#define THREAD_CALLS_H

#include "../trace/batch.h"
#include "resource.h"

#define CALLS_AT_MOST 12
#define CALLS_BATCH_FROM 8 /* threads: below, making the work area costs more than it saves */

struct calls {
	struct rebuilt_process *rebuilt;
	struct thread *thread;
	struct batch *batch; /* NULL: one by one */
	uint64_t text;       /* scratch memory for arguments */
	struct batch_call list[CALLS_AT_MOST];
	const char *names[CALLS_AT_MOST]; /* for messages */
	size_t count;
};

/* @name is for messages. */
void calls_add(struct calls *c, const char *name, uint64_t number, uint64_t a1, uint64_t a2,
	       uint64_t a3, uint64_t a4);
/* Between inject_begin() and _end(). A fault names the first that failed. */
int calls_make(struct calls *c);


#endif

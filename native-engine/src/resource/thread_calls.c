#include "thread_calls.h"

#include <string.h>

void calls_add(struct calls *c, const char *name, uint64_t number, uint64_t a1, uint64_t a2,
	       uint64_t a3, uint64_t a4)
{
	c->names[c->count] = name;
	c->list[c->count++] = (struct batch_call){ .number = number,
						   .arguments = { a1, a2, a3, a4 } };
}

int calls_make(struct calls *c)
{
	size_t i;
	int ret = 0;

	if (c->batch) {
		c->batch->thread = c->thread;
		ret = batch_run(c->batch, c->list, c->count);
	}
	for (i = 0; i < c->count && !ret; i++) {
		struct batch_call *call = &c->list[i];
		long result = call->result;

		if (!c->batch)
			ret = inject_syscall(c->thread, &result, call->number, call->arguments[0],
					     call->arguments[1], call->arguments[2],
					     call->arguments[3], 0, 0);
		if (!ret && result < 0)
			ret = result;
		if (ret < 0)
			return fault_set(c->rebuilt->fault, -ret, "internal",
					 "%s of thread %d of %s: %s", c->names[i],
					 c->thread->virtual_tid, c->rebuilt->image->header.program,
					 strerror(-ret));
	}
	return ret;
}

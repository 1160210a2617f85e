#include "thread_calls.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

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

int calls_open_batch(struct rebuilt_process *p, struct thread *t, struct batch *batch)
{
	long address;
	int ret = inject_syscall(t, &address, SYS_mmap, 0, batch_area_bytes(), PROT_NONE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	long result;

	if (!ret && address < 0 && address > -4096)
		ret = address;
	if (!ret)
		ret = inject_syscall(t, &result, SYS_munmap, address, batch_area_bytes(), 0, 0, 0,
				     0);
	if (ret < 0)
		return fault_set(p->fault, -ret, "out-of-memory", "work area in process %d: %s",
				 p->process->virtual_pid, strerror(-ret));
	return batch_open(batch, t, address, p->fault);
}

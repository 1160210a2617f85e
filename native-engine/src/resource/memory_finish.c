/* What must come behind the content of a rebuilt address space. */
#include "memory_rebuild.h"

#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define GUARD_INSTALL 102	  /* MADV_GUARD_INSTALL, Linux 6.13 */
#define MSEAL 462		  /* mseal(2), Linux 6.10 */

static int add_guards(struct restoring *r)
{
	const struct record *record = NULL;
	struct range_record range;
	int ret = 0;

	while (ret >= 0 && (record = record_find(r->p->records, RECORD_GUARD, record))) {
		record_head(record, &range, sizeof(range));
		ret = memory_add_call(r, SYS_madvise, range.start, range.end - range.start,
				      GUARD_INSTALL, 0, 0, 0);
	}
	return ret;
}

/* A kernel before 6.13: a page that may not be touched does the same. */
static int replace_guards(struct restoring *r, size_t guards)
{
	size_t count = 0;

	for (size_t i = 0; i < guards; i++)
		if (r->calls[i].result < 0)
			r->calls[count++] = (struct batch_call){
				SYS_mprotect,
				{ r->calls[i].arguments[0], r->calls[i].arguments[1], PROT_NONE }, 0
			};
	r->count = count;
	return count ? memory_run_calls(r) : 0;
}

static int add_protections(struct restoring *r)
{
	int ret = 0;

	for (size_t i = 0; i < r->table.count && ret >= 0; i++) {
		const struct vma_record *v = &r->table.vmas[i];

		/* execute-only memory gets its key from the kernel */
		if (v->protection_key && v->protection != PROT_EXEC)
			ret = memory_add_call(r, SYS_pkey_mprotect, v->start, v->end - v->start,
					      v->protection, v->protection_key, 0, 0);
		else if (memory_protect_later(r, v))
			ret = memory_add_call(r, SYS_mprotect, v->start, v->end - v->start,
					      v->protection, 0, 0, 0);
	}
	return ret;
}

/* The limit of locked memory may be lower here: then it is not locked, which changes no result. */
static int lock_and_seal(struct restoring *r)
{
	int ret = 0;

	r->count = 0;
	for (size_t i = 0; i < r->table.count && ret >= 0; i++) {
		const struct vma_record *v = &r->table.vmas[i];

		if (v->flags & VMA_LOCKED)
			ret = memory_add_call(r, SYS_mlock2, v->start, v->end - v->start,
					      v->flags & VMA_LOCK_ON_FAULT ? MLOCK_ONFAULT : 0, 0,
					      0, 0);
		if (ret >= 0 && v->flags & VMA_SEALED)
			ret = memory_add_call(r, MSEAL, v->start, v->end - v->start, 0, 0, 0, 0);
	}
	return ret < 0 || !r->count ? ret : memory_run_calls(r);
}

/* Keys are numbered in the order of allocation: all up to the highest one that is in use. */
static int allocate_keys(struct restoring *r)
{
	uint32_t highest = 0;
	long result;
	int ret;

	for (size_t i = 0; i < r->table.count; i++)
		if (r->table.vmas[i].protection_key > highest &&
		    r->table.vmas[i].protection != PROT_EXEC)
			highest = r->table.vmas[i].protection_key;
	for (uint32_t key = 1; key <= highest; key++) {
		ret = inject_syscall(r->thread, &result, SYS_pkey_alloc, 0, 0, 0, 0, 0, 0);
		if (ret >= 0 && result < 0)
			ret = (int)result;
		if (ret < 0)
			return fault_set(r->p->fault, -ret, "not-supported",
					 "the program uses memory protection keys, which this host "
					 "does not offer");
		if ((uint32_t)result >= highest)
			break;
	}
	return 0;
}

int memory_finish(struct restoring *r)
{
	size_t guards;
	int ret;

	ret = allocate_keys(r);
	if (ret < 0)
		return ret;
	r->count = 0;
	ret = add_guards(r);
	guards = r->count;
	if (ret >= 0)
		ret = add_protections(r);
	if (ret >= 0 && r->count)
		ret = memory_run_calls(r);
	for (size_t i = guards; i < r->count && ret >= 0; i++)
		if (r->calls[i].result < 0)
			ret = fault_set(r->p->fault, (int)-r->calls[i].result, "restore-content",
					"process %d: memory at %" PRIx64 " cannot be protected: %s",
					r->p->process->virtual_pid, r->calls[i].arguments[0],
					strerror((int)-r->calls[i].result));
	if (ret >= 0)
		ret = replace_guards(r, guards);
	if (ret >= 0)
		ret = mm_restore(r->p, r->thread, r->batch.text);
	return ret < 0 ? ret : lock_and_seal(r);
}

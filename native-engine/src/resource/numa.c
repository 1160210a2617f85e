#include "numa.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "../restart/rebuild.h"
#include "../trace/guard.h"

#define NODES 1024 /* the kernel has no more: CONFIG_NODES_SHIFT is 10 at most */

struct policy { /* as get_mempolicy(2) tells it: the mode with its flags */
	int32_t mode;
	uint32_t reserved;
	uint64_t nodes[NODES / 64];
};

struct thread_policy_record { /* RECORD_THREAD_POLICY */
	int32_t virtual_tid;
	uint32_t reserved;
	struct policy policy;
};

struct range_policy_record { /* RECORD_RANGE_POLICY */
	uint64_t start, end;
	struct policy policy;
};

/* ---- capture ---- */

/* 1: one of its own, 0: none, or a kernel without such policies. */
static int ask(struct thread *t, uint64_t scratch, uint64_t address, unsigned int flags,
	       struct policy *out)
{
	long result;
	int ret = inject_syscall(t, &result, SYS_get_mempolicy,
				 scratch + offsetof(struct policy, mode),
				 scratch + offsetof(struct policy, nodes), NODES + 1, address, flags,
				 0);

	if (!ret && result >= 0)
		ret = process_read(t->process, scratch, out, sizeof(*out));
	if (ret || result < 0)
		return ret;
	out->reserved = 0;
	return out->mode != MPOL_DEFAULT;
}

int numa_capture_thread(struct capture *c, struct thread *t)
{
	struct thread_policy_record r = { .virtual_tid = t->virtual_tid };
	uint64_t scratch;
	int ret = inject_scratch(t, &scratch, c->fault);

	if (!ret)
		ret = ask(t, scratch, 0, 0, &r.policy);
	if (ret > 0)
		record_append(c->records, RECORD_THREAD_POLICY, &r, sizeof(r), NULL, 0);
	return ret < 0 ? ret : 0;
}

/* Without a file, or of one that is memory itself: mbind(2) does nothing to others. */
static bool may_have_policy(const struct live_vma *v)
{
	return v->special == SPECIAL_NONE && (live_vma_is_anonymous(v) || v->v.flags & VMA_SHARED);
}

/* Those of @list, GUARD_CALLS at most, which have one. */
static int capture_some(struct capture *c, struct thread *t, uint64_t scratch,
			const struct live_vma *const *list, size_t count)
{
	struct batch_call calls[GUARD_CALLS];
	int32_t modes[GUARD_CALLS];
	int ret;

	for (size_t n = 0; n < count; n++)
		calls[n] = (struct batch_call){
			.number = SYS_get_mempolicy,
			.arguments = { scratch + n * sizeof(*modes), 0, 0, list[n]->v.start,
				       MPOL_F_ADDR },
		};
	ret = inject_calls(t, calls, count);
	if (ret >= 0)
		ret = process_read(c->process, scratch, modes, count * sizeof(*modes));
	for (size_t n = 0; n < count && ret >= 0; n++) {
		struct range_policy_record r = { .start = list[n]->v.start, .end = list[n]->v.end };

		if (calls[n].result < 0 || modes[n] == MPOL_DEFAULT)
			continue;
		ret = ask(t, scratch, r.start, MPOL_F_ADDR, &r.policy);
		if (ret > 0)
			record_append(c->records, RECORD_RANGE_POLICY, &r, sizeof(r), NULL, 0);
	}
	return ret < 0 ? ret : 0;
}

static int capture_listed(struct capture *c, struct thread *t, const struct live_vma *const *list,
			  size_t count)
{
	uint64_t scratch;
	int ret = inject_scratch(t, &scratch, c->fault);

	for (size_t n = 0; n < count && !ret; n += GUARD_CALLS)
		ret = capture_some(c, t, scratch, list + n,
				   count - n < GUARD_CALLS ? count - n : GUARD_CALLS);
	inject_scratch_free(t);
	return ret;
}

int numa_capture_ranges(struct capture *c, const struct live_memory *m)
{
	struct thread *t = memory_injectable_thread(c->process);
	const struct live_vma **list;
	size_t count = 0;
	int ret = 0, end;

	if (!t || c->process->seccomp)
		return 0;
	list = calloc(m->count + 1, sizeof(*list));
	if (!list)
		return fault_set(c->fault, ENOMEM, "out-of-memory", "process %d", c->process->pid);
	for (size_t n = 0; n < m->count; n++)
		if (may_have_policy(&m->vmas[n]))
			list[count++] = &m->vmas[n];
	if (count) {
		ret = inject_begin(t, c->fault);
		if (!ret) {
			ret = capture_listed(c, t, list, count);
			end = inject_end(t);
			ret = ret ? ret : end;
		}
	}
	free(list);
	return ret < 0 ? fault_set(c->fault, -ret, "internal", "memory policies of process %d: %s",
				   c->process->pid, strerror(-ret)) : 0;
}

/* ---- restore ---- */

/* The nodes may be missing here. It decides only where memory lies, not what is in it. */
static void tell(struct rebuilt_process *p, const char *what)
{
	if (p->rebuild->stdio[2] >= 0)
		dprintf(p->rebuild->stdio[2],
			"dmtcp_restart: process %d: this host does not have the memory nodes of "
			"its %s: they lie anywhere\n", p->image->header.virtual_pid, what);
}

int numa_restore_ranges(struct rebuilt_process *p, struct thread *t, uint64_t scratch)
{
	const struct record *record = NULL;
	bool missing = false;
	int ret = 0;

	while (!ret && (record = record_find(p->records, RECORD_RANGE_POLICY, record))) {
		struct range_policy_record r;
		long result = 0;

		record_head(record, &r, sizeof(r));
		ret = process_write(p->process, scratch, r.policy.nodes, sizeof(r.policy.nodes));
		if (!ret)
			ret = inject_syscall(t, &result, SYS_mbind, r.start, r.end - r.start,
					     (uint32_t)r.policy.mode, scratch, NODES + 1, 0);
		missing |= result < 0;
	}
	if (missing)
		tell(p, "mappings");
	return ret;
}

static int restore_thread(struct rebuilt_process *p, struct thread *t, const struct policy *policy,
			  bool *missing)
{
	uint64_t scratch;
	long result = 0;
	int ret = inject_begin(t, p->fault), end;

	if (ret)
		return ret;
	ret = inject_scratch(t, &scratch, p->fault);
	if (!ret)
		ret = process_write(t->process, scratch, policy->nodes, sizeof(policy->nodes));
	if (!ret)
		ret = inject_syscall(t, &result, SYS_set_mempolicy, (uint32_t)policy->mode, scratch,
				     NODES + 1, 0, 0, 0);
	*missing |= result < 0;
	end = inject_end(t);
	return ret ? ret : end;
}

static int restore_outside(struct rebuilt_process *p)
{
	const struct record *record = NULL;
	bool missing = false;
	int ret = 0;

	while (!ret && (record = record_find(p->records, RECORD_THREAD_POLICY, record))) {
		struct thread_policy_record r;

		record_head(record, &r, sizeof(r));
		for (size_t n = 0; n < p->process->thread_count && !ret; n++)
			if (p->process->threads[n].virtual_tid == r.virtual_tid)
				ret = restore_thread(p, &p->process->threads[n], &r.policy,
						     &missing);
	}
	if (missing)
		tell(p, "threads");
	return ret ? fault_set(p->fault, -ret, "internal", "memory policies of %s: %s",
			       p->image->header.program, strerror(-ret)) : 0;
}

const struct resource resource_memory_policy = {
	.name = "memory policy",
	.restore_outside = restore_outside,
};

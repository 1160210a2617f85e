/* Processes that share more than files: what clone(2) with more flags than fork(2) has made. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>

#include "tree.h"

static const struct {
	unsigned long flag;
	size_t owner; /* in struct process_record */
} kinds[] = {
	{ CLONE_VM, offsetof(struct process_record, memory_owner) },
	{ CLONE_FILES, offsetof(struct process_record, files_owner) },
	{ CLONE_FS, offsetof(struct process_record, directory_owner) },
	{ CLONE_SIGHAND, offsetof(struct process_record, handlers_owner) },
};

#define KINDS (sizeof(kinds) / sizeof(*kinds))

static int32_t owner_of(const struct process_record *r, size_t kind)
{
	int32_t owner = *(const int32_t *)((const char *)r + kinds[kind].owner);

	return owner ? owner : r->pid; /* an image of before this was recorded, or a zombie */
}

static unsigned long shared_by(const struct process_record *a, const struct process_record *b)
{
	unsigned long flags = 0;

	for (size_t kind = 0; kind < KINDS; kind++)
		if (owner_of(a, kind) == owner_of(b, kind))
			flags |= kinds[kind].flag;
	return flags;
}

static bool older(const struct process_record *a, const struct process_record *b)
{
	return a->start_ticks < b->start_ticks ||
	       (a->start_ticks == b->start_ticks && a->pid < b->pid);
}

/* From whom @index can have got what it shares: its parent, or an older sibling. */
static void find_source(struct tree *t, const struct process_record *records, size_t count,
			size_t index)
{
	struct tree_node *node = &t->nodes[index];

	if (node->parent >= 0 && t->nodes[node->parent].image >= 0) {
		node->shares = shared_by(&records[index], &records[node->parent]);
		if (node->shares)
			return;
	}
	for (size_t i = 0; i < count && !node->shares; i++) {
		unsigned long flags = shared_by(&records[index], &records[i]);

		if (i == index || !flags || t->nodes[i].parent != node->parent ||
		    t->nodes[i].orphan || node->orphan || !older(&records[i], &records[index]))
			continue;
		node->shares = flags;
		node->sibling = true;
		node->before_session = false;
		node->creator = i;
	}
}

static int refuse(const struct tree_node *node, const char *why, struct fault *fault)
{
	return fault_set(fault, EOPNOTSUPP, "tree-not-possible", "process %d: %s", node->pid, why);
}

/* The kernel's own conditions, and what the order of building allows. */
static int check_source(struct tree *t, size_t index, struct fault *fault)
{
	struct tree_node *node = &t->nodes[index];
	struct tree_node *source;

	if (!node->shares)
		return 0;
	if (node->orphan || node->creator < 0)
		return refuse(node, "shares memory or files with a process that is neither its "
			      "parent nor its sibling", fault);
	source = &t->nodes[node->creator];
	if ((node->shares & CLONE_SIGHAND) && !(node->shares & CLONE_VM))
		return refuse(node, "shares signal handlers without memory", fault);
	if (node->birth != source->session && (node->sibling || (node->shares & CLONE_VM)))
		return refuse(node, "shares memory or files across sessions", fault);
	node->late = node->shares & CLONE_VM;
	for (size_t i = 0; node->late && i < t->count; i++)
		if (t->nodes[i].creator == (int)index && !(t->nodes[i].shares & CLONE_VM))
			return refuse(node, "runs on another process's memory and has children",
				      fault);
	if (node->late && (node->leads_session || node->leads_group))
		return refuse(node, "runs on another process's memory and leads a group", fault);
	return 0;
}

/* Everyone who shares must have got it from one who does, up to one first. */
static int check_complete(struct tree *t, const struct process_record *records, size_t count,
			  struct fault *fault)
{
	for (size_t kind = 0; kind < KINDS; kind++)
		for (size_t i = 0; i < count; i++) {
			bool first = !(t->nodes[i].shares & kinds[kind].flag);

			for (size_t other = 0; first && other < i; other++)
				if (!(t->nodes[other].shares & kinds[kind].flag) &&
				    owner_of(&records[i], kind) == owner_of(&records[other], kind))
					return refuse(&t->nodes[i], "shares memory or files with a "
						      "process that is neither its parent nor its "
						      "sibling", fault);
		}
	return 0;
}

int tree_plan_sharing(struct tree *t, const struct process_record *records, size_t count,
		      struct fault *fault)
{
	int ret = 0;

	for (size_t i = 0; i < count; i++)
		if (!t->nodes[i].zombie)
			find_source(t, records, count, i);
	for (size_t i = 0; ret == 0 && i < count; i++)
		ret = check_source(t, i, fault);
	return ret < 0 ? ret : check_complete(t, records, count, fault);
}

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../common/array.h"
#include "tree.h"

int tree_find(const struct tree *t, pid_t pid)
{
	if (pid <= 1)
		return TREE_BUILDER;
	for (size_t i = 0; i < t->count; i++)
		if (t->nodes[i].pid == pid)
			return i;
	return TREE_NOBODY;
}

pid_t tree_pid(const struct tree *t, int index)
{
	return index == TREE_BUILDER ? 1 : t->nodes[index].pid;
}

void tree_free(struct tree *t)
{
	free(t->nodes);
	memset(t, 0, sizeof(*t));
}

static struct tree_node *add_node(struct tree *t, pid_t pid, struct fault *fault)
{
	struct tree_node *nodes = array_grow(t->nodes, t->count, &t->capacity, sizeof(*nodes));
	struct tree_node *node;

	if (!nodes) {
		fault_set(fault, ENOMEM, "out-of-memory", "process tree");
		return NULL;
	}
	t->nodes = nodes;
	node = &t->nodes[t->count++];
	*node = (struct tree_node){
		.pid = pid, .parent = TREE_BUILDER, .creator = TREE_BUILDER, .image = -1,
	};
	return node;
}

static int add_members(struct tree *t, const struct process_record *records, size_t count,
		       struct fault *fault)
{
	for (size_t i = 0; i < count; i++) {
		const struct process_record *r = &records[i];
		struct tree_node *node;

		if (tree_find(t, r->pid) != TREE_NOBODY)
			return fault_set(fault, EEXIST, "image-set-mixed",
					 "process %d is in two of the images", r->pid);
		node = add_node(t, r->pid, fault);
		if (!node)
			return -ENOMEM;
		node->image = i;
		node->session = r->session > 0 ? r->session : 1;
		node->group = r->group > 0 ? r->group : 1;
		node->leads_session = node->session == node->pid;
		node->zombie = r->flags & PROCESS_ZOMBIE;
		node->exit_signal = r->exit_signal;
		node->exit_status = r->exit_status;
		node->terminal = r->terminal;
		node->foreground_group = r->foreground_group;
	}
	return 0;
}

/* Leaders of sessions and groups, and parents, that are not among the images. */
static int add_holders(struct tree *t, const struct process_record *records, size_t count,
		       struct fault *fault)
{
	for (size_t i = 0; i < count; i++)
		if (tree_find(t, records[i].parent) == TREE_NOBODY &&
		    !add_node(t, records[i].parent, fault))
			return -ENOMEM;

	for (size_t i = 0; i < count; i++) {
		int leader = tree_find(t, t->nodes[i].session);
		struct tree_node *node;

		if (leader == TREE_NOBODY) {
			node = add_node(t, t->nodes[i].session, fault);
			if (!node)
				return -ENOMEM;
			node->dies = !(records[i].flags & PROCESS_SESSION_LEADER_LIVES);
			leader = t->count - 1;
		}
		if (leader == TREE_BUILDER)
			continue;
		node = &t->nodes[leader];
		if (node->image < 0) {
			node->session = node->group = node->pid;
			node->leads_session = true;
		}
		if (!node->terminal) {
			node->terminal = t->nodes[i].terminal;
			node->foreground_group = t->nodes[i].foreground_group;
		}
	}

	for (size_t i = 0; i < count; i++) {
		int leader = tree_find(t, t->nodes[i].group);

		if (leader == TREE_NOBODY) {
			struct tree_node *node = add_node(t, t->nodes[i].group, fault);

			if (!node)
				return -ENOMEM;
			node->dies = !(records[i].flags & PROCESS_GROUP_LEADER_LIVES);
			leader = t->count - 1;
		}
		if (leader == TREE_BUILDER)
			continue;
		t->nodes[leader].leads_group = true;
		if (t->nodes[leader].image < 0 && !t->nodes[leader].session) {
			t->nodes[leader].session = t->nodes[i].session;
			t->nodes[leader].group = t->nodes[leader].pid;
		}
	}
	return 0;
}

/* The parents of all: of members from their records, of holders where they do no harm. */
static void find_parents(struct tree *t, const struct process_record *records, size_t count)
{
	for (size_t i = 0; i < count; i++)
		t->nodes[i].parent = tree_find(t, records[i].parent);

	for (size_t i = count; i < t->count; i++) {
		struct tree_node *holder = &t->nodes[i];

		/* A parent from outside: in the session in which most of its children were born. */
		for (size_t child = 0; !holder->session && child < count; child++)
			if (t->nodes[child].parent == (int)i && !t->nodes[child].leads_session)
				holder->session = t->nodes[child].session;
		if (!holder->session)
			holder->session = 1;
		if (!holder->group) {
			holder->group = holder->pid;
			holder->leads_group = true;
		}
	}

	for (size_t i = count; i < t->count; i++) {
		struct tree_node *holder = &t->nodes[i];
		int leader = tree_find(t, holder->session);

		if (!holder->leads_session) {
			bool of_member = leader >= 0 && t->nodes[leader].image >= 0;

			/*
			 * A member must not find a child that it never had. One that only gave a
			 * group its number ends again; a parent that lives is adopted by process 1.
			 */
			if (of_member && holder->leads_group)
				for (size_t child = 0; child < count; child++)
					of_member &= t->nodes[child].parent != (int)i;
			if (of_member)
				holder->dies = true;
			if (leader >= 0 && (t->nodes[leader].image < 0 || holder->dies))
				holder->parent = leader;
			continue;
		}
		/*
		 * A dead leader is made where its orphans belong: its end gives them that parent.
		 */
		for (size_t child = 0; holder->dies && child < count; child++) {
			int parent = t->nodes[child].parent;

			if (t->nodes[child].session != holder->pid || parent == TREE_BUILDER)
				continue;
			if (t->nodes[parent].session != holder->pid) {
				holder->parent = parent;
				break;
			}
		}
	}
}

static bool is_ancestor(const struct tree *t, int ancestor, int index)
{
	for (size_t steps = 0; index >= 0 && steps <= t->count; steps++) {
		if (index == ancestor)
			return true;
		index = t->nodes[index].parent;
	}
	return false;
}

/*
 * The session a process is born into. A leader may be born anywhere, unless it made children before
 * it became one: then into theirs.
 */
static pid_t find_birth(struct tree *t, int index)
{
	struct tree_node *node = &t->nodes[index];

	if (node->birth || node->visited)
		return node->birth;
	if (!node->leads_session)
		return node->birth = node->session;
	node->visited = true;
	for (size_t i = 0; i < t->count && !node->birth; i++) {
		pid_t birth;

		if (t->nodes[i].parent != index || (int)i == index)
			continue;
		birth = find_birth(t, i);
		if (birth > 0 && birth != node->pid &&
		    !is_ancestor(t, index, tree_find(t, birth)))
			node->birth = birth;
	}
	if (!node->birth)
		node->birth = SESSION_ANY;
	return node->birth;
}

static int find_creator(struct tree *t, int index, struct fault *fault)
{
	struct tree_node *node = &t->nodes[index];
	int leader;

	node->creator = node->parent;
	if (node->parent == TREE_BUILDER) {
		if (node->birth == SESSION_ANY || node->birth == 1)
			return 0;
	} else {
		struct tree_node *parent = &t->nodes[node->parent];

		if (node->birth == SESSION_ANY || node->birth == parent->session)
			return 0;
		if (parent->leads_session && node->birth == parent->birth) {
			node->before_session = true;
			return 0;
		}
	}
	leader = tree_find(t, node->birth);
	if (leader == index || leader == TREE_NOBODY)
		return fault_set(fault, EINVAL, "internal",
				 "process %d: no creator in session %d", node->pid, node->birth);
	node->creator = leader;
	if (node->parent >= 0)
		t->nodes[node->parent].adopts = true;
	/* A creator that ends itself is the process in between. */
	node->orphan = leader == TREE_BUILDER || !t->nodes[leader].dies ||
		       t->nodes[leader].parent != node->parent;
	return 0;
}

/* Everyone must be reachable from the builder, or someone would wait for ever. */
static int check_order(struct tree *t, struct fault *fault)
{
	for (size_t i = 0; i < t->count; i++) {
		int at = i;

		for (size_t steps = 0; at != TREE_BUILDER; steps++) {
			if (steps > t->count)
				return fault_set(fault, ELOOP, "internal",
						 "process %d: its creators form a circle",
						 t->nodes[i].pid);
			at = t->nodes[at].creator;
		}
	}
	return 0;
}

/* The process that stands for the computation: the oldest one whose parent was outside. */
static void find_root(struct tree *t, const struct process_record *records, size_t count)
{
	int best = -1;
	bool best_outside = false;

	for (size_t i = 0; i < count; i++) {
		int parent = t->nodes[i].parent;
		bool outside = parent >= 0 && t->nodes[parent].image < 0;

		if (parent >= 0 && !outside)
			continue;
		if (best < 0 || (outside && !best_outside) ||
		    (outside == best_outside &&
		     (records[i].start_ticks < records[best].start_ticks ||
		      (records[i].start_ticks == records[best].start_ticks &&
		       records[i].pid < records[best].pid)))) {
			best = i;
			best_outside = outside;
		}
	}
	t->root = best < 0 ? 0 : best;
}

int tree_plan(struct tree *t, const struct process_record *records, size_t count,
	      struct fault *fault)
{
	int ret;

	memset(t, 0, sizeof(*t));
	ret = add_members(t, records, count, fault);
	if (ret == 0)
		ret = add_holders(t, records, count, fault);
	if (ret < 0)
		goto err_free;
	find_parents(t, records, count);
	for (size_t i = 0; i < t->count; i++)
		find_birth(t, i);
	for (size_t i = 0; ret == 0 && i < t->count; i++)
		ret = find_creator(t, i, fault);
	if (ret == 0)
		ret = tree_plan_sharing(t, records, count, fault);
	if (ret == 0)
		ret = check_order(t, fault);
	if (ret < 0)
		goto err_free;
	find_root(t, records, count);
	return 0;

err_free:
	tree_free(t);
	return ret;
}

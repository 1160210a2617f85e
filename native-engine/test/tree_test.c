/*
 * Plans of process trees, checked against the kernel's rules: a process is born into its creator's
 * session, an orphan goes to the nearest subreaper above, and a plan must give every member the
 * parent and the session that its record says.
 */
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "../src/restart/tree.h"
#include "check.h"

#define MOST 16

struct spec {
	const char *name;
	struct process_record records[MOST];
};

#define P(process, up, in_group, in_session, ...) \
	{ .pid = process, .parent = up, .group = in_group, .session = in_session, \
	  .exit_signal = SIGCHLD, ##__VA_ARGS__ }
#define LIVE .flags = PROCESS_GROUP_LEADER_LIVES | PROCESS_SESSION_LEADER_LIVES

static const struct spec specs[] = {
	{ "one job of a shell", { P(600, 500, 600, 500, LIVE) } },
	{ "in a script's group", { P(600, 550, 550, 500, LIVE) } },
	{ "its own session", { P(600, 550, 600, 600) } },
	{ "from outside the pid namespace", { P(600, 0, 0, 0) } },
	{ "a pipeline", { P(600, 500, 600, 500, LIVE), P(601, 500, 600, 500, LIVE) } },
	{ "the first of a pipeline has ended", { P(601, 500, 600, 500), P(602, 500, 600, 500) } },
	{ "a daemon below its launcher",
	  { P(600, 500, 600, 500, LIVE), P(610, 1, 609, 609), P(611, 610, 609, 609) } },
	{ "a daemon that leads", { P(600, 500, 600, 500, LIVE), P(610, 1, 610, 610) } },
	{ "daemons of a subreaper outside",
	  { P(610, 300, 609, 609), P(611, 300, 609, 609), P(620, 300, 620, 620) } },
	{ "an orphan whose session's leader lives",
	  { P(600, 500, 600, 600), P(610, 1, 610, 600, LIVE) } },
	{ "an orphan at a subreaper, dead leader",
	  { P(600, 500, 600, 500, LIVE), P(610, 600, 609, 609) } },
	{ "an orphan at a subreaper, live leader",
	  { P(600, 500, 600, 500, LIVE), P(605, 600, 605, 605), P(610, 600, 605, 605, LIVE) } },
	{ "born before its parent's session",
	  { P(600, 500, 600, 500, LIVE), P(605, 600, 605, 605), P(610, 605, 600, 500, LIVE) } },
	{ "two deep",
	  { P(600, 500, 600, 500, LIVE), P(605, 600, 605, 605), P(607, 605, 607, 607),
	    P(610, 607, 600, 500, LIVE), P(611, 605, 600, 500, LIVE), P(612, 607, 607, 607) } },
	{ "a member's group was led by a stranger",
	  { P(600, 500, 600, 600), P(601, 600, 590, 600, LIVE) } },
	{ "a leader in another group", { P(600, 500, 600, 500), P(601, 600, 602, 500),
					 P(602, 600, 600, 500) } },
	{ "a terminal of tmux",
	  { P(600, 1, 600, 600), P(700, 600, 700, 700), P(710, 700, 710, 700),
	    P(711, 700, 710, 700) } },
};

static size_t length(const struct spec *s)
{
	size_t count = 0;

	while (count < MOST && s->records[count].pid)
		count++;
	return count;
}

/* Who adopts a process whose creator ends: the nearest subreaper above the creator. */
static int adopter(const struct tree *t, int creator)
{
	for (creator = t->nodes[creator].parent; creator != TREE_BUILDER;
	     creator = t->nodes[creator].parent)
		if (t->nodes[creator].adopts)
			break;
	return creator;
}

static int parent_of(const struct tree *t, const struct tree_node *node)
{
	if (node->creator == TREE_BUILDER)
		return TREE_BUILDER;
	if (node->sibling)
		return t->nodes[node->creator].parent;
	if (t->nodes[node->creator].dies)
		return adopter(t, node->creator);
	if (!node->orphan)
		return node->creator;
	/* The process in between is a child of the creator, which may adopt as well. */
	return t->nodes[node->creator].adopts ? node->creator : adopter(t, node->creator);
}

static pid_t born_into(const struct tree *t, const struct tree_node *node)
{
	if (node->creator == TREE_BUILDER)
		return 1;
	return node->before_session ? t->nodes[node->creator].birth :
				      t->nodes[node->creator].session;
}

static void check_member(const struct spec *s, const struct tree *t, size_t i)
{
	const struct tree_node *node = &t->nodes[i];
	const struct process_record *r = &s->records[i];
	pid_t session = node->leads_session ? node->pid : born_into(t, node);

	CHECK(tree_pid(t, parent_of(t, node)) == (r->parent ? r->parent : 1));
	CHECK(session == (r->session ? r->session : 1));
	CHECK(node->group == (r->group ? r->group : 1));
	/* The group must have a number that someone has held as its leader. */
	CHECK(node->group == 1 || tree_find(t, node->group) >= 0);
}

static void check_holder(const struct tree *t, const struct tree_node *node)
{
	CHECK((node->leads_session ? node->pid : born_into(t, node)) == node->session);
	/* No member finds a child that it did not have, unless it is gone before anything runs. */
	if (node->parent >= 0 && t->nodes[node->parent].image >= 0)
		CHECK(node->dies);
}

static void check_sharing(void)
{
	struct process_record records[] = {
		P(600, 500, 600, 500, LIVE, .memory_owner = 600, .files_owner = 600),
		P(601, 600, 600, 500, LIVE, .memory_owner = 600, .files_owner = 601),
		P(602, 500, 600, 500, LIVE, .memory_owner = 602, .files_owner = 600,
		  .start_ticks = 1),
		P(603, 601, 600, 500, LIVE, .memory_owner = 603, .files_owner = 600),
	};
	struct fault fault = { 0 };
	struct tree t;

	CHECK(tree_plan(&t, records, 3, &fault) == 0);
	CHECK(t.nodes[1].shares == CLONE_VM && t.nodes[1].late && !t.nodes[1].sibling);
	CHECK(t.nodes[2].shares == CLONE_FILES && t.nodes[2].sibling && t.nodes[2].creator == 0);
	tree_free(&t);
	/* Files of neither its parent nor a sibling: refused, not silently given a copy. */
	CHECK(tree_plan(&t, records, 4, &fault) < 0);
	CHECK(!strcmp(fault.id, "tree-not-possible"));
}

int main(void)
{
	for (size_t n = 0; n < sizeof(specs) / sizeof(*specs); n++) {
		size_t count = length(&specs[n]);
		struct fault fault = { 0 };
		struct tree t;

		printf("%s\n", specs[n].name);
		CHECK(tree_plan(&t, specs[n].records, count, &fault) == 0);
		for (size_t i = 0; i < t.count; i++)
			if (i < count)
				check_member(&specs[n], &t, i);
			else
				check_holder(&t, &t.nodes[i]);
		tree_free(&t);
	}
	check_sharing();
	puts("ok");
	return 0;
}

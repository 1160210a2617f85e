#include "scan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../commands/outside.h"
#include "../common/array.h"
#include "../common/membership.h"
#include "../common/proc.h"
#include "../trace/status.h"

#define MARKER "DMTCP_COMPUTATION_ID="
#define PORT_MARKER "DMTCP_COORD_PORT="
#define LAUNCHER_NAME "dmtcp_launch"

int process_keys_add(struct process_keys *l, pid_t pid, uint64_t start_ticks)
{
	struct process_key *keys = array_grow(l->keys, l->count, &l->capacity, sizeof(*keys));

	if (!keys)
		return -ENOMEM;
	l->keys = keys;
	l->keys[l->count++] = (struct process_key){ pid, start_ticks };
	return 0;
}

bool process_keys_contain(const struct process_keys *l, pid_t pid, uint64_t start_ticks)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->keys[i].pid == pid && l->keys[i].start_ticks == start_ticks)
			return true;
	return false;
}

void process_keys_free(struct process_keys *l)
{
	free(l->keys);
	memset(l, 0, sizeof(*l));
}

void scan_request_free(struct scan_request *r)
{
	process_keys_free(&r->roots);
	process_keys_free(&r->namespaces);
}

/* Pids that have been looked at, so that each is once; open addressing, grown at half full. */
struct pid_set {
	pid_t *slots;
	size_t count, capacity;
};

static size_t pid_slot(const struct pid_set *s, pid_t pid)
{
	size_t i = (uint32_t)pid * 2654435761u & (s->capacity - 1);

	while (s->slots[i] && s->slots[i] != pid)
		i = (i + 1) & (s->capacity - 1);
	return i;
}

/* 1: it was not in before; 0: it was; -ENOMEM. */
static int pid_set_add(struct pid_set *s, pid_t pid)
{
	size_t i;

	if (s->count * 2 >= s->capacity) {
		struct pid_set larger = { .capacity = s->capacity ? s->capacity * 2 : 256 };

		larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
		if (!larger.slots)
			return -ENOMEM;
		for (i = 0; i < s->capacity; i++)
			if (s->slots[i])
				larger.slots[pid_slot(&larger, s->slots[i])] = s->slots[i];
		larger.count = s->count;
		free(s->slots);
		*s = larger;
	}
	i = pid_slot(s, pid);
	if (s->slots[i])
		return 0;
	s->slots[i] = pid;
	s->count++;
	return 1;
}

/* One assignment, terminator included, in a process's environment. */
struct marker {
	char text[sizeof(MARKER) + 64];
	size_t bytes;
};

static struct marker make_marker(const char *name, const char *value)
{
	struct marker m;

	m.bytes = snprintf(m.text, sizeof(m.text), "%s%s", name, value) + 1;
	return m;
}

static bool holds(const char *environment, size_t bytes, const struct marker *m)
{
	for (size_t at = 0; at < bytes; at += strlen(environment + at) + 1)
		if (bytes - at >= m->bytes && !memcmp(environment + at, m->text, m->bytes))
			return true;
	return false;
}

struct scan {
	const struct scan_request *request;
	struct process_keys *out;
	struct pid_set seen;
};

/* dmtcp_nocheckpoint and what it runs. Who is a member already does not become an outsider. */
static bool is_outside(const struct scan *s, const struct proc_stat *stat)
{
	struct marker marker = make_marker(OUTSIDE_MARKER, "=1");
	char *environment;
	size_t bytes;
	bool found;

	if (process_keys_contain(&s->request->roots, stat->pid, stat->start_ticks) ||
	    proc_read_text(stat->pid, "environ", &environment, &bytes) < 0)
		return false;
	found = holds(environment, bytes, &marker);
	free(environment);
	return found;
}

/* Adds @pid (unless it is only the @door to a namespace) and all below it, breadth first. */
static int add_tree(struct scan *s, pid_t pid, bool door)
{
	struct pid_list queue = { 0 };
	int ret = pid_list_add(&queue, pid);

	for (size_t i = 0; ret >= 0 && i < queue.count; i++) {
		struct proc_stat stat;

		ret = pid_set_add(&s->seen, queue.pids[i]);
		if (ret <= 0)
			continue;
		if (proc_stat(queue.pids[i], &stat) < 0 || stat.state == 'X')
			continue;
		if (s->request->skip &&
		    process_keys_contain(s->request->skip, stat.pid, stat.start_ticks))
			continue;
		if (!(door && i == 0) && is_outside(s, &stat))
			continue;
		/* Placeholders stand for outside parents: not members, but their children are. */
		if (!(door && i == 0) && strcmp(stat.comm, HOLDER_NAME))
			ret = process_keys_add(s->out, stat.pid, stat.start_ticks);
		if (ret >= 0 && !s->request->alone && proc_children(stat.pid, &queue) == -ENOMEM)
			ret = -ENOMEM;
	}
	pid_list_free(&queue);
	return ret < 0 ? ret : 0;
}

static int add_known(struct scan *s, const struct process_keys *keys, bool door)
{
	for (size_t i = 0; i < keys->count; i++) {
		struct proc_stat stat;
		int ret;

		if (proc_stat(keys->keys[i].pid, &stat) < 0 ||
		    stat.start_ticks != keys->keys[i].start_ticks)
			continue;
		ret = add_tree(s, stat.pid, door);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* *@stranger: it cannot be marked a moment later either. */
static bool is_marked(pid_t pid, const struct scan_request *request,
		      const struct marker *computation, const struct marker *port, bool *stranger)
{
	struct proc_status status;
	struct proc_stat stat;
	size_t bytes;
	char *environment;
	bool found;

	*stranger = false;
	if (proc_stat(pid, &stat) < 0)
		return false;
	found = membership_matches(stat.resident_limit, request->computation_id,
				   request->coordinator_port);
	if (!found) {
		int ret = proc_read_text(pid, "environ", &environment, &bytes);

		/* ESRCH: without memory, so of the kernel, or a zombie. */
		*stranger = ret == -ESRCH || ret == -EACCES;
		if (ret < 0)
			return false;
		found = holds(environment, bytes, computation) &&
			(!port || holds(environment, bytes, port));
		/* Empty also in the middle of an exec; and who launches is about to become a member. */
		*stranger = !found && bytes && strcmp(stat.comm, LAUNCHER_NAME);
		free(environment);
	}
	return found && proc_status(pid, &status) == 0 && status.pid_levels == 1;
}

/*
 * Members whose ancestors have died: found by what dmtcp_launch put into the environment, or by the
 * number it set (membership.h). A copy of the computation may run on the same host, restarted while
 * the original goes on: its processes carry the same marks, but in pid namespaces of their own,
 * where orphans stay in the tree; and what was launched into it since then names another
 * coordinator.
 */
static int add_marked(struct scan *s)
{
	pid_t self = getpid(), parent = getppid();
	unsigned int port_number = s->request->coordinator_port;
	struct strangers *strangers = s->request->strangers;
	struct marker computation = make_marker(MARKER, s->request->computation_id), port;
	struct pid_list all = { 0 };
	char digits[16];
	int ret = proc_all(&all);

	snprintf(digits, sizeof(digits), "%u", port_number);
	port = make_marker(PORT_MARKER, digits);
	for (size_t i = 0; ret >= 0 && i < all.count; i++) {
		pid_t pid = all.pids[i];
		uint64_t inode;
		bool stranger;

		if (pid == self || pid == parent ||
		    (s->seen.capacity && s->seen.slots[pid_slot(&s->seen, pid)]))
			continue;
		inode = strangers ? stranger_inode(pid) : 0;
		if (strangers && strangers_contain(strangers, pid, inode))
			continue;
		if (is_marked(pid, s->request, &computation, port_number ? &port : NULL, &stranger))
			ret = add_tree(s, pid, false);
		else if (strangers && stranger)
			strangers_add(strangers, pid, inode);
	}
	pid_list_free(&all);
	return ret;
}

int scan_members(const struct scan_request *r, struct process_keys *out, struct fault *fault)
{
	struct scan s = { .request = r, .out = out };
	int ret = add_known(&s, &r->roots, false);

	if (ret >= 0)
		ret = add_known(&s, &r->namespaces, true);
	if (ret >= 0 && r->computation_id[0])
		ret = add_marked(&s);
	free(s.seen.slots);
	if (ret == -ENOMEM)
		return fault_set(fault, ENOMEM, "out-of-memory", "no memory for the list of members");
	return ret < 0 ? ret : 0;
}

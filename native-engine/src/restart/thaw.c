#include "thaw.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "../common/proc.h"
#include "../trace/status.h"

#define STOP_LOOKS 5000 /* every 0.2 ms: 1 s */
#define SIGNAL_BIT(number) (1ull << ((number)-1))

struct thaw {
	struct process **processes;
	const struct process_record *records;
	const struct tree *tree;
	size_t count;
};

static bool child_signal_is_pending(pid_t pid)
{
	struct proc_status status;

	return proc_status(pid, &status) == 0 &&
	       ((status.pending | status.shared_pending) & SIGNAL_BIT(SIGCHLD));
}

/* Takes the news of the stop of @child from @parent, which had been told of it before. */
static void forget_stop(struct process *parent, pid_t child, bool signal_was_pending)
{
	const struct {
		uint64_t set;
		struct timespec now;
	} arguments = { .set = SIGNAL_BIT(SIGCHLD) };
	struct thread *t = &parent->threads[parent->threads[0].exited_leader];
	uint64_t scratch;
	long result;

	if (inject_begin(t, NULL) < 0)
		return;
	if (inject_syscall(t, &result, SYS_waitid, P_PID, child, 0, WSTOPPED | WNOHANG | __WALL, 0,
			   0) == 0 &&
	    !signal_was_pending && inject_scratch(t, &scratch, NULL) == 0 &&
	    process_write(parent, scratch, &arguments, sizeof(arguments)) == 0)
		inject_syscall(t, &result, SYS_rt_sigtimedwait, scratch, 0,
			       scratch + sizeof(arguments.set), sizeof(arguments.set), 0, 0);
	inject_end(t);
}

static void await_stop(pid_t pid)
{
	const struct timespec look = { .tv_nsec = 200000 };
	struct proc_stat stat;

	for (int i = 0; i < STOP_LOOKS; i++) {
		if (proc_stat(pid, &stat) < 0 || stat.state == 'T' || stat.state == 'Z')
			return;
		nanosleep(&look, NULL);
	}
}

/* Children before parents: a parent must stand still while it could be told. */
static void thaw_stopped(struct thaw *t, size_t image)
{
	struct process *p = t->processes[image], *parent = NULL;
	int parent_node = t->tree->nodes[image].parent;
	pid_t pid = t->records[image].pid;
	bool pending;

	if (!p || !(t->records[image].flags & PROCESS_STOPPED))
		return;
	for (size_t i = 0; i < t->count; i++)
		if (t->tree->nodes[i].parent == (int)image)
			thaw_stopped(t, i);
	t->processes[image] = NULL;
	if (parent_node >= 0 && (size_t)parent_node < t->count)
		parent = t->processes[parent_node];
	if (!parent) {
		process_thaw(p);
		return;
	}
	pending = child_signal_is_pending(parent->pid);
	process_thaw(p);
	await_stop(pid);
	if (!(t->records[image].flags & PROCESS_STOP_UNSEEN))
		forget_stop(parent, pid, pending);
}

void thaw_all(struct process **processes, const struct process_record *records,
	      const struct tree *tree, size_t count)
{
	struct thaw t = { processes, records, tree, count };

	for (size_t i = 0; i < count; i++)
		thaw_stopped(&t, i);
	for (size_t i = 0; i < count; i++)
		process_thaw(processes[i]);
}

#include "late.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "../common/array.h"
#include "../common/proc.h"
#include "process.h"
#include "wait.h"

/* Of the one thread that traces. What does not fit in memory is released when the engine ends. */
static pid_t *late_tids;
static size_t late_count, late_room;

void late_release(pid_t tid)
{
	pid_t *more;
	size_t i;

	for (i = 0; i < late_count; i++)
		if (late_tids[i] == tid)
			return;
	more = array_grow(late_tids, late_count, &late_room, sizeof(*more));
	if (!more)
		return;
	late_tids = more;
	late_tids[late_count++] = tid;
}

void late_forget(pid_t tid)
{
	for (size_t i = 0; i < late_count; i++)
		if (late_tids[i] == tid) {
			late_tids[i] = late_tids[--late_count];
			return;
		}
}

/* True when nothing is left to do for it. */
static bool release_now(pid_t tid)
{
	int status;

	for (;;) {
		pid_t got = waitpid(tid, &status, __WALL | WNOHANG);

		if (!got)
			return false;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 || !WIFSTOPPED(status))
			return true;
		/* A signal that was about to be delivered must not be lost. */
		if (!ptrace(PTRACE_DETACH, tid, NULL,
			    status >> 16 || WSTOPSIG(status) == (SIGTRAP | 0x80) ?
				    0 : WSTOPSIG(status)))
			return true;
	}
}

size_t trace_release_late(void)
{
	size_t i, kept = 0, awaited = 0;

	for (i = 0; i < late_count; i++) {
		struct proc_stat stat;

		if (release_now(late_tids[i]))
			continue;
		/* An exited leader: its end comes with that of its last thread. */
		if (!proc_stat(late_tids[i], &stat) && stat.state != 'Z')
			awaited++;
		late_tids[kept++] = late_tids[i];
	}
	late_count = kept;
	return awaited;
}

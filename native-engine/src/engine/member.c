#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../common/proc.h"
#include "../trace/status.h"
#include "run.h"

/* What the program sees as its parent: 0 when that is outside its pid namespace. */
static pid_t virtual_parent(const struct proc_status *own, pid_t parent)
{
	struct proc_status status;

	if (!parent || proc_status(parent, &status) < 0 || status.pid_levels < own->pid_levels)
		return 0;
	return status.outer_ids[own->pid_levels - 1];
}

int member_program(pid_t pid, char *out, size_t size)
{
	char executable[4096], *program, *end;
	ssize_t n = proc_read_link(pid, "exe", executable, sizeof(executable));

	if (n <= 0)
		return n ? n : -ENOENT;
	program = strrchr(executable, '/');
	program = program ? program + 1 : executable;
	end = executable + strlen(executable);
	if (end - program > 10 && !strcmp(end - 10, " (deleted)"))
		end[-10] = 0;
	snprintf(out, size, "%s", program);
	return 0;
}

json_t *member_json(pid_t pid, uint64_t start_ticks, const struct process *p)
{
	char program[4096];
	struct proc_status status;
	struct proc_stat stat;

	if (proc_stat(pid, &stat) < 0 || stat.start_ticks != start_ticks ||
	    proc_status(pid, &status) < 0)
		return NULL;
	if (member_program(p ? p->live_tid : pid, program, sizeof(program)) < 0)
		snprintf(program, sizeof(program), "%s", stat.comm);
	return json_pack("{s:i, s:I, s:i, s:i, s:o, s:i, s:b, s:b}", "pid", (int)pid, "startTicks",
			 (json_int_t)start_ticks, "virtualPid",
			 (int)(p ? p->virtual_pid : status.virtual_pid), "virtualParent",
			 (int)virtual_parent(&status, stat.parent), "program",
			 json_from_text(program), "threads", (int)stat.threads, "zombie",
			 p ? p->zombie : proc_has_ended(&stat), "seccomp", status.seccomp != 0);
}

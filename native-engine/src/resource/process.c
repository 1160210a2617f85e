/* A process in its tree: ids, session, terminal, exit signal, exit status, subreaper. */
#include <errno.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../common/proc.h"
#include "../engine/round.h"
#include "process_record.h"
#include "records.h"
#include "resource.h"

int process_record_read(const struct image_reader *image, struct process_record *out,
			struct fault *fault)
{
	const struct record *r = record_find(&image->records, RECORD_PROCESS, NULL);

	if (!r)
		return fault_set(fault, EINVAL, "image-damaged", "%s: no process record",
				 image->path);
	record_head(r, out, sizeof(*out));
	return 0;
}

/* The last number of a line like "NSpgid:\t812\t7": what the innermost pid namespace shows. */
static pid_t innermost(const char *status, const char *field)
{
	const char *line = proc_field(status, field);
	pid_t last = 0;
	char *end;

	while (line) {
		long number = strtol(line, &end, 10);

		if (end == line)
			break;
		last = number;
		line = *end == '\t' || *end == ' ' ? end : NULL;
	}
	return last;
}

static unsigned int depth(const char *status)
{
	const char *line = proc_field(status, "NSpid");
	unsigned int levels = 0;

	for (; line && *line && *line != '\n'; line++)
		levels += *line == '\t';
	return levels;
}

/* The parent as the process sees it: 0 when it lives in a pid namespace further out. */
static int virtual_parent(const char *status, pid_t parent, pid_t *out)
{
	char *parent_status;
	int ret;

	*out = 0;
	if (parent <= 0)
		return 0;
	ret = proc_read_text(parent, "status", &parent_status, NULL);
	if (ret < 0)
		return 0; /* it has just died: the child has no parent that we could name */
	if (depth(parent_status) == depth(status))
		*out = innermost(parent_status, "NSpid");
	free(parent_status);
	return 0;
}

/* Engine-side number of a group -> what the members see; 0 when none of them is in it. */
static pid_t virtual_group(struct round *r, pid_t real_group)
{
	pid_t group = round_virtual_pid(r, real_group);

	for (size_t i = 0; !group && i < r->member_count; i++) {
		struct proc_stat stat;
		char *status;

		if (proc_stat(r->members[i]->pid, &stat) < 0 || stat.group != real_group)
			continue;
		if (proc_read_text(r->members[i]->pid, "status", &status, NULL) < 0)
			continue;
		group = innermost(status, "NSpgid");
		free(status);
	}
	return group;
}

static bool lives(pid_t real_pid)
{
	struct proc_stat stat;

	return real_pid > 0 && proc_stat(real_pid, &stat) == 0;
}

static struct thread *live_thread(struct process *p)
{
	for (size_t i = 0; i < p->thread_count; i++)
		if (!p->threads[i].exited_leader && !p->threads[i].gone)
			return &p->threads[i];
	return NULL;
}

/*
 * Has the parent been told of the stop, or does its next wait tell? Asked in its place, without
 * taking the news away.
 */
static int capture_stop(struct capture *c, struct process *parent, struct process_record *record)
{
	struct thread *t = NULL;
	siginfo_t info = { 0 };
	uint64_t scratch;
	long result = -1;
	int ret;

	if (parent && !parent->zombie && !parent->seccomp)
		t = live_thread(parent);
	record->flags |= PROCESS_STOPPED;
	record->stop_signal = c->process->threads[0].stop_signal;
	if (!t)
		return 0;
	ret = inject_begin(t, c->fault);
	if (ret < 0)
		return ret;
	ret = inject_scratch(t, &scratch, c->fault);
	if (ret == 0)
		ret = process_write(parent, scratch, &info, sizeof(info));
	if (ret == 0)
		ret = inject_syscall(t, &result, SYS_waitid, P_PID, c->process->virtual_pid,
				     scratch, WSTOPPED | WNOHANG | WNOWAIT | __WALL, 0, 0);
	if (ret == 0 && result == 0)
		ret = process_read(parent, scratch, &info, sizeof(info));
	inject_end(t); /* a lost thread shows itself in the next call */
	if (ret == 0 && info.si_pid)
		record->flags |= PROCESS_STOP_UNSEEN;
	return ret;
}

static int capture_subreaper(struct capture *c, struct process_record *record)
{
	struct thread *t = live_thread(c->process);
	uint64_t scratch;
	long result;
	int ret, value = 0;

	if (!t || c->process->zombie || c->process->seccomp)
		return 0;
	ret = inject_begin(t, c->fault);
	if (ret < 0)
		return ret;
	ret = inject_scratch(t, &scratch, c->fault);
	if (ret == 0)
		ret = inject_syscall(t, &result, SYS_prctl, PR_GET_CHILD_SUBREAPER, scratch, 0,
				     0, 0, 0);
	if (ret == 0 && result == 0)
		ret = process_read(c->process, scratch, &value, sizeof(value));
	inject_end(t); /* a lost thread shows itself in the next call */
	if (ret < 0)
		return fault_set(c->fault, -ret, "no-such-process",
				 "process %d ended while it was read", c->process->pid);
	if (value)
		record->flags |= PROCESS_SUBREAPER;
	return 0;
}

static int process_capture(struct capture *c)
{
	struct process *p = c->process;
	struct process_record record = { .pid = p->virtual_pid, .start_ticks = p->start_ticks };
	struct proc_stat stat;
	char *status;
	int ret;

	ret = proc_stat(p->pid, &stat);
	if (ret == 0)
		ret = proc_read_text(p->pid, "status", &status, NULL);
	if (ret < 0)
		return fault_set(c->fault, -ret, "no-such-process",
				 "process %d ended while it was read", p->pid);
	virtual_parent(status, stat.parent, &record.parent);
	record.group = innermost(status, "NSpgid");
	record.session = innermost(status, "NSsid");
	record.exit_signal = stat.exit_signal;
	record.terminal = stat.terminal;
	if (stat.terminal && stat.terminal_group > 0)
		record.foreground_group = virtual_group(c->round, stat.terminal_group);
	if (lives(stat.group))
		record.flags |= PROCESS_GROUP_LEADER_LIVES;
	if (lives(stat.session))
		record.flags |= PROCESS_SESSION_LEADER_LIVES;
	if (p->zombie) {
		record.flags |= PROCESS_ZOMBIE;
		record.exit_status = stat.exit_code;
	}
	if (!p->zombie) {
		record.memory_owner = round_sharer(c->round, p, KCMP_VM);
		record.files_owner = round_sharer(c->round, p, KCMP_FILES);
		record.directory_owner = round_sharer(c->round, p, KCMP_FS);
		record.handlers_owner = round_sharer(c->round, p, KCMP_SIGHAND);
	}
	free(status);
	ret = capture_subreaper(c, &record);
	if (ret == 0 && !p->zombie && p->threads[0].group_stopped)
		ret = capture_stop(c, round_member(c->round, stat.parent), &record);
	if (ret < 0)
		return ret;
	record_append(c->records, RECORD_PROCESS, &record, sizeof(record), NULL, 0);
	return 0;
}

static int process_verify(struct image_reader *image, struct fault *fault)
{
	struct process_record record;
	int ret = process_record_read(image, &record, fault);

	if (ret < 0)
		return ret;
	if (record.pid <= 0)
		return fault_set(fault, EINVAL, "image-damaged", "%s: process number %d",
				 image->path, record.pid);
	if (record.pid == 1)
		return fault_set(fault, EOPNOTSUPP, "not-supported",
				 "%s: process 1 of a container cannot be restarted", image->path);
	return 0;
}

/* The tree was built with flags of its own: now the process gets what it had. */
static int process_restore_inside(struct rebuilt_process *p)
{
	struct process_record record;
	int ret = process_record_read(p->image, &record, p->fault);

	if (ret < 0)
		return ret;
	if (prctl(PR_SET_CHILD_SUBREAPER, !!(record.flags & PROCESS_SUBREAPER), 0, 0, 0))
		return fault_set(p->fault, errno, "internal", "process %d: subreaper: %s",
				 record.pid, strerror(errno));
	return 0;
}

static void process_describe(struct image_reader *image, json_t *out)
{
	struct process_record r;

	if (process_record_read(image, &r, NULL) < 0)
		return;
	json_object_set_new(out, "pid", json_integer(r.pid));
	json_object_set_new(out, "parent", json_integer(r.parent));
	json_object_set_new(out, "group", json_integer(r.group));
	json_object_set_new(out, "session", json_integer(r.session));
	json_object_set_new(out, "state", json_string(r.flags & PROCESS_ZOMBIE ? "zombie" :
						      r.flags & PROCESS_STOPPED ? "stopped" : "running"));
	if (r.flags & PROCESS_ZOMBIE)
		json_object_set_new(out, "exitStatus", json_integer(r.exit_status));
	json_object_set_new(out, "terminal", json_boolean(r.terminal != 0));
	if (r.memory_owner && r.memory_owner != r.pid)
		json_object_set_new(out, "sharesMemoryWith", json_integer(r.memory_owner));
	if (r.files_owner && r.files_owner != r.pid)
		json_object_set_new(out, "sharesFilesWith", json_integer(r.files_owner));
}

const struct resource process_resource = {
	.name = "process",
	.zombies = true,
	.capture = process_capture,
	.verify = process_verify,
	.restore_inside = process_restore_inside,
	.describe = process_describe,
};

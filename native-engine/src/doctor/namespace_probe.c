/*
 * Can processes be made with the numbers that they had? The steps of a restart, one after the
 * other.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/file.h"
#include "findings.h"

enum step { STEP_NAMESPACES, STEP_MAP, STEP_MOUNTS, STEP_PROC, STEP_NUMBER, STEP_TIME, STEPS };

/* What became of each step: 1 untried, 0 fine, -errno. Written through a pipe by the child. */
struct outcome {
	int results[STEPS];
};

#define WANTED_PID 7777

static int make_numbered(void)
{
	pid_t wanted = WANTED_PID;
	struct clone_args args = { .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&wanted,
				   .set_tid_size = 1 };
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (!pid)
		_exit(0);
	if (pid < 0)
		return -errno;
	waitpid(pid, NULL, 0);
	return pid == WANTED_PID ? 0 : -EIO;
}

/* As process 1 of its namespace. */
static void try_inside(struct outcome *o)
{
	o->results[STEP_MOUNTS] =
		mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ? -errno : 0;
	if (!o->results[STEP_MOUNTS])
		o->results[STEP_PROC] = mount("proc", "/proc", "proc",
					      MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) ? -errno : 0;
	o->results[STEP_NUMBER] = make_numbered();
	o->results[STEP_TIME] = unshare(CLONE_NEWTIME) ? -errno : 0;
}

static void map_user(pid_t child, struct outcome *o)
{
	static const char *const files[] = { "setgroups", "uid_map", "gid_map" };
	char path[64], lines[3][64] = { "deny" };

	snprintf(lines[1], sizeof(lines[1]), "%u %u 1", geteuid(), geteuid());
	snprintf(lines[2], sizeof(lines[2]), "%u %u 1", getegid(), getegid());
	o->results[STEP_MAP] = 0;
	for (int n = 0; n < 3 && !o->results[STEP_MAP]; n++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", child, files[n]);
		o->results[STEP_MAP] = file_put_text(path, lines[n]);
	}
}

static void child_main(int go, int report, struct outcome *o)
{
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (read(go, &byte, 1) == 1)
		try_inside(o);
	if (write(report, o, sizeof(*o)) < 0)
		_exit(1);
	_exit(0);
}

static void try_namespaces(struct outcome *o, bool user)
{
	struct clone_args args = { .flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC |
					    (user ? CLONE_NEWUSER : 0), .exit_signal = SIGCHLD };
	int go[2], report[2];
	struct outcome seen;
	long child;

	for (int n = 0; n < STEPS; n++)
		o->results[n] = 1;
	if (pipe2(go, O_CLOEXEC) || pipe2(report, O_CLOEXEC)) {
		o->results[STEP_NAMESPACES] = -errno;
		return;
	}
	child = syscall(SYS_clone3, &args, sizeof(args));
	if (!child) {
		close(go[1]);
		child_main(go[0], report[1], o);
	}
	o->results[STEP_NAMESPACES] = child < 0 ? -errno : 0;
	if (child > 0 && user)
		map_user(child, o);
	if (child > 0 && o->results[STEP_MAP] >= 0 && write(go[1], "g", 1) < 0)
		o->results[STEP_NAMESPACES] = -errno;
	close(go[1]);
	close(report[1]);
	if (child > 0 && read(report[0], &seen, sizeof(seen)) == sizeof(seen))
		memcpy(&o->results[STEP_MOUNTS], &seen.results[STEP_MOUNTS],
		       sizeof(int) * (STEPS - STEP_MOUNTS));
	if (child > 0)
		waitpid(child, NULL, 0);
	close(go[0]);
	close(report[0]);
}

static void tell(struct findings *f, const struct outcome *o, enum step step, const char *check,
		 const char *fine, enum finding_level level, const char *id, const char *what)
{
	struct fault fault = { 0 };

	if (o->results[step] > 0)
		return; /* told by the step before */
	if (!o->results[step]) {
		finding_add(f, FINDING_FINE, check, "", "%s", fine);
		return;
	}
	fault_set(&fault, -o->results[step], id, "%s: %s", what, strerror(-o->results[step]));
	finding_fault(f, level, check, &fault);
}

void probe_namespaces(struct findings *f)
{
	bool user = geteuid() != 0;
	struct outcome o;

	try_namespaces(&o, user);
	tell(f, &o, STEP_NAMESPACES, "namespaces", user ?
		     "user, pid, mount and IPC namespaces can be made" :
		     "pid, mount and IPC namespaces can be made",
	     FINDING_PROBLEM, "namespaces-forbidden", "namespaces cannot be made");
	tell(f, &o, STEP_MAP, "user-map", "the user can be mapped to himself", FINDING_PROBLEM,
	     "namespaces-forbidden", "the user cannot be mapped to himself in a user namespace");
	tell(f, &o, STEP_MOUNTS, "mounts", "mounts can be made private", FINDING_PROBLEM,
	     "namespaces-forbidden", "mounts cannot be made private");
	tell(f, &o, STEP_PROC, "proc-mount", "/proc of new processes can be mounted",
	     FINDING_PROBLEM, "proc-mount-forbidden", "/proc cannot be mounted in a new namespace");
	tell(f, &o, STEP_NUMBER, "process-numbers", "processes can be given their numbers",
	     FINDING_PROBLEM, "namespaces-forbidden",
	     "processes cannot be given their numbers (clone3 with set_tid, Linux 5.5)");
	tell(f, &o, STEP_TIME, "time-namespace", "clocks can go on where they were",
	     FINDING_WARNING, "clocks-jump", "no time namespace can be made");
}

#include "namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../common/file.h"
#include "../common/proc.h"
#include "../resource/clocks.h"

/* exit status of the helper when it could not even execute */
#define HELPER_EXEC_FAILED 98

/* All capabilities of the namespace are to survive the execve of an ordinary uid. */
static int make_capabilities_ambient(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return -errno;
	for (int i = 0; i < 2; i++)
		data[i].inheritable = data[i].permitted;
	if (syscall(SYS_capset, &header, data))
		return -errno;
	for (int i = 0; i < 64; i++)
		if (data[i / 32].permitted >> (i % 32) & 1)
			prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0); /* best effort */
	return 0;
}

static void __attribute__((noreturn)) execute_helper(char *const argv[], bool user_namespace,
						     int *keep_open, size_t keep_count)
{
	for (size_t i = 0; i < keep_count; i++)
		fcntl(keep_open[i], F_SETFD, 0);
	if (!user_namespace || make_capabilities_ambient() == 0)
		execv("/proc/self/exe", argv);
	_exit(HELPER_EXEC_FAILED);
}

int namespaces_start_helper(char *const argv[], bool user_namespace, int *keep_open,
			    size_t keep_count, pid_t *helper, struct fault *fault)
{
	struct clone_args args = { .exit_signal = SIGCHLD };
	long pid;

	if (user_namespace)
		args.flags |= CLONE_NEWUSER;
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		execute_helper(argv, user_namespace, keep_open, keep_count);
	if (pid < 0 && user_namespace)
		return fault_set(fault, errno, "namespaces-forbidden",
				 "no user namespace can be made: %s", strerror(errno));
	if (pid < 0)
		return fault_set(fault, errno, "too-many-processes", "no new process: %s",
				 strerror(errno));
	*helper = pid;
	return 0;
}

int namespaces_map_user(pid_t helper, struct fault *fault)
{
	char path[64], line[64];
	int ret;

	/* Every id is mapped to itself: the program keeps its uid, and servers see the same one. */
	snprintf(path, sizeof(path), "/proc/%d/setgroups", helper);
	ret = file_put_text(path, "deny");
	if (ret == 0) {
		snprintf(path, sizeof(path), "/proc/%d/uid_map", helper);
		snprintf(line, sizeof(line), "%u %u 1", geteuid(), geteuid());
		ret = file_put_text(path, line);
	}
	if (ret == 0) {
		snprintf(path, sizeof(path), "/proc/%d/gid_map", helper);
		snprintf(line, sizeof(line), "%u %u 1", getegid(), getegid());
		ret = file_put_text(path, line);
	}
	if (ret < 0)
		return fault_set(fault, -ret, "namespaces-forbidden", "%s: %s", path,
				 strerror(-ret));
	return 0;
}

int namespaces_enter(struct rebuild *r, struct fault *warning, struct fault *fault)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWIPC))
		return fault_set(fault, errno, "namespaces-forbidden",
				 "no mount and IPC namespace can be made: %s", strerror(errno));
	/* In effect for what is forked from now on; the offsets are fixed by then. */
	if (unshare(CLONE_NEWTIME)) {
		fault_set(warning, errno, "clocks-jump",
			  "no time namespace can be made: %s; CLOCK_MONOTONIC will jump",
			  strerror(errno));
		return 0;
	}
	return clocks_write_offsets(r->images, r->image_count, "/proc/self/timens_offsets", fault);
}

pid_t namespaces_fork_init(struct fault *fault)
{
	/* CLONE_PARENT: the exit signal is the helper's, SIGCHLD (clone(2)). */
	struct clone_args args = { .flags = CLONE_NEWPID | CLONE_PARENT };
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid < 0)
		return fault_set(fault, errno, "namespaces-forbidden",
				 "no pid namespace can be made: %s", strerror(errno));
	return pid;
}

/* The kernel gives new numbers from here on; what is in the images must stay free until used. */
static int raise_last_pid(pid_t highest)
{
	char text[32], *limit;
	long pid_max = 32768;

	if (proc_read_text(0, "sys/kernel/pid_max", &limit, NULL) == 0) {
		pid_max = atol(limit);
		free(limit);
	}
	if (highest + 4096 > pid_max) /* numbers wrap round at 300 (kernel/pid.c) */
		return 0;
	snprintf(text, sizeof(text), "%d", highest);
	return file_put_text("/proc/sys/kernel/ns_last_pid", text);
}

int namespaces_prepare_init(pid_t highest, struct fault *fault)
{
	int ret;

	/* Later mounts of the host still arrive, ours stay here. */
	if (mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL))
		return fault_set(fault, errno, "namespaces-forbidden",
				 "mounts cannot be made private: %s", strerror(errno));
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		return fault_set(fault, errno, "proc-mount-forbidden",
				 "/proc of the new pid namespace cannot be mounted: %s",
				 strerror(errno));
	ret = raise_last_pid(highest);
	if (ret < 0)
		return fault_set(fault, -ret, "namespaces-forbidden", "ns_last_pid: %s",
				 strerror(-ret));
	return 0;
}

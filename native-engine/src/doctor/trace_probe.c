/* Can a program that is not our child be stopped and read, as the engine does it? */
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/proc.h"
#include "../trace/wait.h"
#include "findings.h"

#define LIMIT_NS 5000000000ull

static volatile uint64_t mark = 0x646d746370; /* the same address in both */

/* An orphan, as Yama sees it no descendant of ours. *@lifeline: closing it ends the process. */
static pid_t make_stranger(bool permits, int *lifeline)
{
	int ends[2], told[2];
	pid_t child, stranger = -1;
	char byte;

	if (pipe2(ends, O_CLOEXEC))
		return -1;
	if (pipe2(told, O_CLOEXEC)) {
		close(ends[0]);
		close(ends[1]);
		return -1;
	}
	child = fork();
	if (!child) {
		stranger = fork();
		if (stranger)
			_exit(0);
		close(ends[1]);
		prctl(PR_SET_PTRACER, permits ? PR_SET_PTRACER_ANY : 0, 0, 0, 0);
		stranger = getpid();
		if (write(told[1], &stranger, sizeof(stranger)) < 0 || read(ends[0], &byte, 1) < 0)
			_exit(1);
		_exit(0);
	}
	close(told[1]);
	close(ends[0]);
	if (child > 0)
		waitpid(child, NULL, 0);
	if (child < 0 || read(told[0], &stranger, sizeof(stranger)) != sizeof(stranger))
		stranger = -1;
	close(told[0]);
	*lifeline = ends[1];
	return stranger;
}

static int stop_it(pid_t pid)
{
	int ret, status;

	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL))
		return -errno;
	ret = ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) ? -errno : 0;
	if (!ret)
		ret = wait_for_change(pid, monotonic_ns() + LIMIT_NS, &status);
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return ret;
}

static int read_it(pid_t pid)
{
	uint64_t seen = 0;
	struct iovec here = { &seen, sizeof(seen) }, there = { (void *)&mark, sizeof(mark) };

	if (process_vm_readv(pid, &here, 1, &there, 1, 0) < 0)
		return -errno;
	return seen == mark ? 0 : -EIO;
}

static int take_descriptor(pid_t pid)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0), fd, ret = 0;

	if (pidfd < 0)
		return -errno;
	fd = syscall(SYS_pidfd_getfd, pidfd, 0, 0);
	/* EBADF: it has none of that number, but we might have had it. */
	if (fd < 0 && errno != EBADF)
		ret = -errno;
	if (fd >= 0)
		close(fd);
	close(pidfd);
	return ret;
}

static int compare_with(pid_t pid)
{
	return syscall(SYS_kcmp, getpid(), pid, KCMP_VM, 0, 0) < 0 ? -errno : 0;
}

static int yama_scope(void)
{
	char *text;
	int scope = 0;

	if (proc_read_text(0, "sys/kernel/yama/ptrace_scope", &text, NULL) < 0)
		return 0;
	scope = atoi(text);
	free(text);
	return scope;
}

static void tell(struct findings *f, const char *check, int ret, const char *fine, const char *what)
{
	if (!ret)
		finding_add(f, FINDING_FINE, check, "", "%s", fine);
	else
		finding_add(f, FINDING_PROBLEM, check, ret == -ENOSYS ?
				    "Use a newer kernel, or one with that feature." :
				    "In a container: allow it in the seccomp profile (docker: "
				    "--cap-add SYS_PTRACE or --security-opt seccomp=unconfined); "
				    "sysctl kernel.yama.ptrace_scope must be 0 or 1.",
			    "%s: %s", what, strerror(-ret));
}

void probe_tracing(struct findings *f)
{
	int lifeline = -1, scope = yama_scope(), ret;
	pid_t pid = make_stranger(true, &lifeline);

	if (pid < 0) {
		finding_add(f, FINDING_PROBLEM, "processes", "Raise ulimit -u.",
			    "no process can be made to try with");
		return;
	}
	tell(f, "ptrace", stop_it(pid), "programs can be stopped",
	     "a program cannot be stopped (ptrace)");
	tell(f, "memory", read_it(pid), "memory of programs can be read",
	     "memory of a program cannot be read (process_vm_readv)");
	tell(f, "descriptors", take_descriptor(pid), "descriptors of programs can be looked at",
	     "descriptors of a program cannot be looked at (pidfd_getfd, Linux 5.6)");
	tell(f, "kcmp", compare_with(pid), "what programs share can be found out",
	     "what programs share cannot be found out (kcmp, CONFIG_KCMP)");
	close(lifeline);
	pid = make_stranger(false, &lifeline);
	ret = pid < 0 ? 0 : stop_it(pid);
	if (pid >= 0)
		close(lifeline);
	if (ret == -EPERM && scope)
		finding_add(f, FINDING_WARNING, "yama",
			    "sysctl kernel.yama.ptrace_scope=0, or run as root.",
			    "kernel.yama.ptrace_scope is %d: static programs, and those started "
			    "without "
			    "dmtcp_launch, cannot be checkpointed",
			    scope);
	else
		finding_add(f, FINDING_FINE, "yama", "", "programs need not allow it");
}

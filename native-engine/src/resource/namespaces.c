#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/proc.h"
#include "resource.h"

/*
 * A restart gives one set of namespaces to all: whoever has made others for itself, as a container
 * or a browser's sandbox does, would find itself in the wrong ones. Not the cgroup namespace, which
 * changes only how names are shown, and not that of time, in which a restarted process and its
 * parent, our supervisor, differ.
 */
static const struct {
	const char *file, *name;
} kinds[] = {
	{ "user", "user" },   { "mnt", "mount" }, { "net", "network" },
	{ "ipc", "IPC" },     { "uts", "UTS" },   { "pid", "PID" },
	{ "pid_for_children", "PID" },
};

static int look(pid_t pid, const char *file, struct stat *namespace)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, file);
	return stat(path, namespace);
}

static bool is_same(pid_t a, pid_t b, const char *file)
{
	struct stat one, other;

	return look(a, file, &one) < 0 || look(b, file, &other) < 0 || one.st_ino == other.st_ino;
}

/*
 * At home are we, unless the process was restarted: then its parent, another such process or the
 * first of its PID namespace.
 */
static int check(pid_t pid, struct fault *fault)
{
	struct proc_stat stat;
	pid_t home = getpid();

	if (proc_stat(pid, &stat) < 0)
		return 0;
	if (!is_same(pid, home, "pid"))
		home = stat.parent;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!is_same(pid, home, kinds[i].file))
			return fault_set(fault, EOPNOTSUPP, "own-namespaces",
					 "process %d (%s) has a %s namespace of its own", pid,
					 stat.comm, kinds[i].name);
	return 0;
}

const struct resource resource_namespaces = {
	.name = "namespaces",
	.check = check,
};

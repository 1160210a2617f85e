#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../commands/java.h"
#include "../commands/runtime_paths.h"
#include "../common/proc.h"
#include "../trace/wait.h"
#include "findings.h"

#define SAMPLE_BYTES (4u << 20)
#define SPACE_BYTES (256ull << 20)
#define SLOW_BYTES_PER_S (20u << 20)
#define DESCRIPTORS 4096u

static void check_kernel(struct findings *f)
{
	int major = 0, minor = 0;
	struct utsname name;

	uname(&name);
	sscanf(name.release, "%d.%d", &major, &minor);
	if (strcmp(name.machine, "x86_64"))
		finding_add(f, FINDING_PROBLEM, "kernel", "Use an x86-64 machine.",
			    "%s: only x86-64 is supported", name.machine);
	else if (major < 5 || (major == 5 && minor < 10))
		finding_add(f, FINDING_WARNING, "kernel", "Use Linux 5.10 or newer.",
			    "Linux %s is older than what is tested", name.release);
	else
		finding_add(f, FINDING_FINE, "kernel", "", "Linux %s", name.release);
}

static void check_seccomp(struct findings *f)
{
	uint64_t mode = 0;
	char *status;

	if (proc_read_text(getpid(), "status", &status, NULL) == 0) {
		mode = proc_field_number(status, "Seccomp", 10, 0);
		free(status);
	}
	if (mode)
		finding_add(f, FINDING_NOTE, "seccomp", "",
			    "commands here run under a seccomp filter, as "
			    "in a container: what it forbids shows in the other findings");
}

static void check_sockets(struct findings *f)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	if (fd >= 0) {
		finding_add(f, FINDING_FINE, "sock-diag", "", "sockets can be listed");
		close(fd);
		return;
	}
	finding_add(f, FINDING_PROBLEM, "sock-diag",
		    "Load the kernel modules unix_diag, tcp_diag and "
		    "udp_diag, or allow netlink sockets.",
		    "sockets cannot be listed: %s", strerror(errno));
}

static void check_limits(struct findings *f)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		bool low = limit.rlim_max < DESCRIPTORS;

		finding_add(f, low ? FINDING_WARNING : FINDING_FINE, "open-files",
			    low ? "Raise the hard limit (ulimit -Hn, /etc/security/limits.conf)."
				: "",
			    "at most %llu open files%s", (unsigned long long)limit.rlim_max,
			    low ? ": large computations need more" : "");
	}
	if (!getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur != RLIM_INFINITY)
		finding_add(f, FINDING_WARNING, "file-size", "ulimit -f unlimited",
			    "files may have %llu bytes: larger images fail",
			    (unsigned long long)limit.rlim_cur);
	if (!getrlimit(RLIMIT_NPROC, &limit) && geteuid() && limit.rlim_cur < 256)
		finding_add(f, FINDING_WARNING, "processes", "Raise ulimit -u.",
			    "at most %llu processes", (unsigned long long)limit.rlim_cur);
}

/* Writes, and waits for the disk, as a checkpoint does. */
static int write_sample(const char *path, uint64_t *ns)
{
	uint64_t start = monotonic_ns();
	char *data = malloc(SAMPLE_BYTES);
	int fd, ret = 0;

	if (!data)
		return -ENOMEM;
	for (size_t n = 0; n < SAMPLE_BYTES; n++)
		data[n] = (char)(n * 2654435761u >> 13);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		ret = -errno;
	else if (write(fd, data, SAMPLE_BYTES) != SAMPLE_BYTES)
		ret = errno ? -errno : -ENOSPC;
	else if (fsync(fd))
		ret = -errno;
	if (fd >= 0) {
		close(fd);
		unlink(path);
	}
	free(data);
	*ns = monotonic_ns() - start;
	return ret;
}

static bool check_directory(struct findings *f, const char *directory)
{
	char path[PATH_MAX + 64];
	struct fault fault = { 0 };
	struct statvfs space;
	uint64_t ns, free_bytes;
	int ret;

	snprintf(path, sizeof(path), "%s/.dmtcp_doctor.%d", directory, getpid());
	ret = write_sample(path, &ns);
	if (ret < 0) {
		fault_set(&fault, -ret,
			  ret == -ENOSPC || ret == -EDQUOT ? "disk-full" : "image-unwritable",
			  "%s: %s", directory, strerror(-ret));
		finding_fault(f, FINDING_PROBLEM, "checkpoint-dir", &fault);
		return false;
	}
	if (ns / 1e9 * SLOW_BYTES_PER_S > SAMPLE_BYTES)
		finding_add(f, FINDING_WARNING, "checkpoint-dir",
			    "Use a faster disk for --ckptdir.",
			    "%s: %u MiB took %.1f s to reach the disk", directory,
			    SAMPLE_BYTES >> 20, ns / 1e9);
	else
		finding_add(f, FINDING_FINE, "checkpoint-dir", "",
			    "%s can be written, %u MiB reach the disk in %.0f ms",
			    directory, SAMPLE_BYTES >> 20, ns / 1e6);
	if (statvfs(directory, &space))
		return true;
	free_bytes = (uint64_t)space.f_bavail * space.f_frsize;
	finding_add(f, free_bytes < SPACE_BYTES ? FINDING_WARNING : FINDING_FINE, "disk-space",
		    free_bytes < SPACE_BYTES ? "Free space, or choose another directory with "
					       "--ckptdir."
					     : "",
		    "%llu MiB are free there", (unsigned long long)(free_bytes >> 20));
	return true;
}

static void check_meeting_place(struct findings *f, const char *tmpdir)
{
	struct fault fault = { 0 };
	char path[PATH_MAX];

	if (runtime_coordinator_socket(tmpdir, 7779, path, sizeof(path)) < 0 ||
	    runtime_directory_prepare(path, &fault) < 0)
		finding_fault(f, FINDING_PROBLEM, "tmpdir", &fault);
	else
		finding_add(f, FINDING_FINE, "tmpdir", "", "commands can meet at %s", path);
}

static void check_java(struct findings *f)
{
	char tree[PATH_MAX] = "";
	char *none[] = { NULL };
	struct java_command java;
	struct fault fault = { 0 };

	runtime_tree(tree, sizeof(tree));
	if (java_command_make(&java, "java", tree, "Main", none, &fault) < 0) {
		finding_fault(f, FINDING_WARNING, "java", &fault);
		return;
	}
	finding_add(f, FINDING_FINE, "java", "", "%s runs the coordinator", java.file);
	java_command_free(&java);
}

void examine_host(struct findings *f, const struct doctor_options *o)
{
	const char *directory = o->checkpoint_dir ? o->checkpoint_dir : ".";

	check_kernel(f);
	check_seccomp(f);
	probe_tracing(f);
	check_sockets(f);
	probe_namespaces(f);
	check_limits(f);
	check_meeting_place(f, o->tmpdir);
	check_java(f);
	if (check_directory(f, directory))
		probe_round_trip(f, directory);
}

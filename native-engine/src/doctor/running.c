/*
 * Would a checkpoint of this program be refused? Asked without stopping it: what the engine asks
 * first.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "../common/proc.h"
#include "../descriptor/view.h"
#include "../engine/family.h"
#include "../engine/scan.h"
#include "../resource/resource.h"
#include "../trace/status.h"
#include "findings.h"

extern const struct resource descriptors_resource;

/* Every refusal, not only the first. */
static void check_descriptors(struct findings *f, pid_t pid)
{
	struct descriptor_view view;
	struct view_walk *walk;

	if (view_walk_open(&walk, pid, pid))
		return;
	while (view_walk_next(walk, &view) > 0) {
		struct fault fault = { 0 };

		for (size_t n = 0; descriptor_table[n]; n++) {
			if (!descriptor_table[n]->claims(&view))
				continue;
			if (descriptor_table[n]->check &&
			    descriptor_table[n]->check(pid, &view, &fault) == -EOPNOTSUPP)
				finding_fault(f, FINDING_PROBLEM, "descriptor", &fault);
			break;
		}
		view_free(&view);
	}
	view_walk_close(walk);
}

static void check_resources(struct findings *f, pid_t pid)
{
	for (size_t n = 0; resource_table[n]; n++) {
		struct fault fault = { 0 };

		if (resource_table[n] == &descriptors_resource)
			check_descriptors(f, pid);
		else if (resource_table[n]->check && resource_table[n]->check(pid, &fault) < 0)
			finding_fault(f, FINDING_PROBLEM, resource_table[n]->name, &fault);
	}
}

static bool check_access(struct findings *f, pid_t pid, const char *program)
{
	struct proc_status status;
	struct fault fault = { 0 };
	char path[40];
	int fd;

	if (proc_status(pid, &status) == 0 && status.tracer) {
		finding_add(f, FINDING_PROBLEM, "traced", "End the debugger, or let it detach.",
			    "process %d (%s) is traced by process %d, and only one can", pid,
			    program, status.tracer);
		return false;
	}
	/* The kernel asks here what it asks a tracer, but for Yama: proc_pid_mem(5). */
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		close(fd);
		return true;
	}
	fault_set(&fault, errno, "not-allowed-to-trace",
		  "process %d (%s) may not be looked into: %s", pid, program, strerror(errno));
	finding_fault(f, FINDING_PROBLEM, "access", &fault);
	return false;
}

static void check_threads(struct findings *f, pid_t pid)
{
	struct pid_list threads = { 0 };
	struct proc_stat stat;

	proc_threads(pid, &threads);
	for (size_t n = 0; n < threads.count; n++)
		if (!proc_stat_of_thread(pid, threads.pids[n], &stat) && stat.state == 'D')
			finding_add(f, FINDING_WARNING, "thread",
				    "A thread in state D waits for a device or a network file "
				    "system: a "
				    "checkpoint waits for it, with a limit.",
				    "thread %d of process %d (%s) cannot be stopped now",
				    threads.pids[n], pid, stat.comm);
	pid_list_free(&threads);
}

static uint64_t resident_bytes(pid_t pid)
{
	uint64_t kib = 0;
	char *status;

	if (proc_read_text(pid, "status", &status, NULL) == 0) {
		kib = proc_field_number(status, "RssAnon", 10, 0) +
		      proc_field_number(status, "VmSwap", 10, 0);
		free(status);
	}
	return kib << 10;
}

static void check_space(struct findings *f, uint64_t bytes, const char *directory)
{
	struct statvfs space;
	uint64_t free_bytes;

	if (statvfs(directory, &space))
		return;
	free_bytes = (uint64_t)space.f_bavail * space.f_frsize;
	if (bytes > free_bytes)
		finding_add(f, FINDING_WARNING, "disk-space",
			    "Free space, or choose another directory with --ckptdir.",
			    "%llu MiB of memory, and %llu MiB free in %s: without good compression "
			    "it does not fit",
			    (unsigned long long)(bytes >> 20),
			    (unsigned long long)(free_bytes >> 20), directory);
}

void examine_process(struct findings *f, pid_t pid, const struct doctor_options *o)
{
	struct scan_request request = { 0 };
	struct process_keys found = { 0 };
	struct fault fault = { 0 };
	struct proc_stat stat;
	uint64_t bytes = 0;

	if (proc_stat(pid, &stat) < 0 || proc_has_ended(&stat)) {
		fault_set(&fault, ESRCH, "no-such-process", "process %d does not exist", pid);
		finding_fault(f, FINDING_PROBLEM, "process", &fault);
		return;
	}
	if (process_keys_add(&request.roots, pid, stat.start_ticks) < 0 ||
	    scan_members(&request, &found, &fault) < 0)
		finding_add(f, FINDING_PROBLEM, "process", "", "no memory");
	for (size_t n = 0; n < found.count; n++) {
		pid_t member = found.keys[n].pid;
		int problems = f->counts[FINDING_PROBLEM];

		if (member == getpid() || proc_stat(member, &stat) < 0 || proc_has_ended(&stat))
			continue;
		if (check_access(f, member, stat.comm)) {
			check_resources(f, member);
			check_threads(f, member);
			bytes += resident_bytes(member);
		}
		if (problems == f->counts[FINDING_PROBLEM])
			finding_add(f, FINDING_FINE, "process", "",
				    "%d (%s): nothing speaks against it", member, stat.comm);
	}
	if (family_check(&found, &fault) < 0)
		finding_fault(f, FINDING_PROBLEM, "family", &fault);
	check_space(f, bytes, o->checkpoint_dir ? o->checkpoint_dir : ".");
	process_keys_free(&found);
	scan_request_free(&request);
}

/*
 * Memory that is locked as soon as it is mapped, mlockall(2) with MCL_FUTURE. What is locked already
 * is a property of its mapping: smaps.c, memory_restore.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../restart/rebuild.h"
#include "../trace/status.h"
#include "limits.h"
#include "memory.h"
#include "records.h"
#include "resource.h"

struct memory_lock_record { /* RECORD_MEMORY_LOCK: only where there is something to tell */
	uint32_t flags; /* of mlockall(2), without MCL_CURRENT */
	uint32_t reserved;
};

/* Nothing shows the flag but a new mapping, which is counted as locked. -errno. */
static int locked_kb(struct process *p, uint64_t *kb)
{
	struct proc_status status;
	int ret = proc_status(p->live_tid, &status);

	*kb = status.locked_kb;
	return ret;
}

/* It is there although nobody has touched it: MCL_ONFAULT is not set. */
static bool is_present(struct process *p, uint64_t address)
{
	int fd = openat(p->proc_fd, "pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;
	bool present = false;

	if (fd < 0)
		return true;
	if (pread(fd, &entry, sizeof(entry), address / PAGE_BYTES * sizeof(entry)) == sizeof(entry))
		present = entry >> 63;
	close(fd);
	return present;
}

/* All that is locked is so when it is touched. */
static bool on_fault_only(const struct buffer *records)
{
	const struct record *r = NULL;
	bool found = false;

	while ((r = record_find(records, RECORD_VMA, r))) {
		struct vma_record v;

		record_head(r, &v, sizeof(v));
		if (!(v.flags & VMA_LOCKED))
			continue;
		if (!(v.flags & VMA_LOCK_ON_FAULT))
			return false;
		found = true;
	}
	return found;
}

static int ask(struct thread *t, const struct buffer *records, uint32_t *flags)
{
	uint64_t with = 0, without = 0;
	long page, result;
	int ret, end;

	*flags = 0;
	ret = inject_syscall(t, &page, SYS_mmap, 0, PAGE_BYTES, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ret < 0)
		return ret;
	if (page < 0 && page >= -4095) { /* no room in RLIMIT_MEMLOCK for more of it */
		if (page == -EAGAIN)
			*flags = MCL_FUTURE | (on_fault_only(records) ? MCL_ONFAULT : 0);
		return 0;
	}
	ret = locked_kb(t->process, &with);
	if (!ret && !is_present(t->process, page))
		*flags = MCL_ONFAULT;
	end = inject_syscall(t, &result, SYS_munmap, page, PAGE_BYTES, 0, 0, 0, 0);
	if (!ret)
		ret = end ? end : locked_kb(t->process, &without);
	*flags = with > without ? *flags | MCL_FUTURE : 0;
	return ret;
}

static int capture(struct capture *c)
{
	struct thread *t = process_live_thread(c->process);
	struct memory_lock_record record = { 0 };
	int ret, end;

	if (!t || !t->status || !t->status->locked_kb)
		return 0;
	ret = inject_begin(t, c->fault);
	if (ret < 0)
		return ret;
	ret = ask(t, c->records, &record.flags);
	end = inject_end(t);
	if (ret || end)
		return fault_set(c->fault, -(ret ? ret : end), "internal",
				 "locked memory of process %d", c->process->virtual_pid);
	if (record.flags)
		record_append(c->records, RECORD_MEMORY_LOCK, &record, sizeof(record), NULL, 0);
	return 0;
}

/* May it lock more than @limit? Only CAP_IPC_LOCK outside of all user namespaces lets it. 1 or 0. */
static int may_exceed(struct thread *t, uint64_t limit)
{
	uint64_t bytes = limit / PAGE_BYTES * PAGE_BYTES + PAGE_BYTES;
	long start, locked, result;
	int ret = inject_syscall(t, &start, SYS_mmap, 0, bytes, PROT_NONE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (ret || (start < 0 && start >= -4095))
		return ret;
	ret = inject_syscall(t, &locked, SYS_mlock2, start, bytes, MLOCK_ONFAULT, 0, 0, 0);
	if (!ret)
		ret = inject_syscall(t, &result, SYS_munmap, start, bytes, 0, 0, 0, 0);
	return ret ? ret : locked == 0;
}

static int lock_again(struct rebuilt_process *p, struct thread *t, uint32_t flags)
{
	uint64_t limit;
	long result;
	int may = 1;

	/* Under a lower limit every later mmap(2) and brk(2) could fail, which is worse. */
	if (limits_is_lower(p, RLIMIT_MEMLOCK, &limit))
		may = may_exceed(t, limit);
	if (may > 0)
		return inject_syscall(t, &result, SYS_mlockall, flags, 0, 0, 0, 0, 0);
	if (!may && p->rebuild->notes_fd >= 0)
		dprintf(p->rebuild->notes_fd,
			"dmtcp_restart: process %d: memory that it maps from now on is not locked: "
			"the limit of locked memory is lower than it was (ulimit -l)\n",
			p->process->virtual_pid);
	return may;
}

/* Behind everything that maps memory for a moment, and behind the limits. */
static int restore_last(struct rebuilt_process *p)
{
	const struct record *r = record_find(p->records, RECORD_MEMORY_LOCK, NULL);
	struct thread *t = process_live_thread(p->process);
	struct memory_lock_record record;
	int ret, end;

	if (!r || !t)
		return 0;
	record_head(r, &record, sizeof(record));
	ret = inject_begin(t, p->fault);
	if (ret < 0)
		return ret;
	ret = lock_again(p, t, record.flags & (MCL_FUTURE | MCL_ONFAULT));
	end = inject_end(t);
	if (ret || end)
		return fault_set(p->fault, -(ret ? ret : end), "internal",
				 "locked memory of process %d", p->process->virtual_pid);
	return 0;
}

const struct resource resource_memory_lock = {
	.name = "memory lock",
	.capture = capture,
	.restore_last = restore_last,
};

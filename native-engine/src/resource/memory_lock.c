/*
 * Memory that is locked as soon as it is mapped, mlockall(2) with MCL_FUTURE. What is locked already
 * is a property of its mapping: smaps.c, memory_restore.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../trace/status.h"
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

static int ask(struct thread *t, uint32_t *flags)
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
		*flags = page == -EAGAIN ? MCL_FUTURE : 0;
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
	ret = ask(t, &record.flags);
	end = inject_end(t);
	if (ret || end)
		return fault_set(c->fault, -(ret ? ret : end), "internal",
				 "locked memory of process %d", c->process->virtual_pid);
	if (record.flags)
		record_append(c->records, RECORD_MEMORY_LOCK, &record, sizeof(record), NULL, 0);
	return 0;
}

/*
 * Behind everything that maps memory for a moment. Where the limit of locked memory is lower it is
 * not locked, which changes no result.
 */
static int restore_last(struct rebuilt_process *p)
{
	const struct record *r = record_find(p->records, RECORD_MEMORY_LOCK, NULL);
	struct thread *t = process_live_thread(p->process);
	struct memory_lock_record record;
	long result;

	if (!r || !t)
		return 0;
	record_head(r, &record, sizeof(record));
	return inject_one(t, &result, SYS_mlockall, record.flags & (MCL_FUTURE | MCL_ONFAULT), 0, 0,
			  0, 0, 0, p->fault);
}

const struct resource resource_memory_lock = {
	.name = "memory lock",
	.capture = capture,
	.restore_last = restore_last,
};

/*
 * The local descriptor table of a process, modify_ldt(2): segments of its own, as emulators of other
 * systems make. The registers that select them come with the threads, after it.
 */
#include <asm/ldt.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "records.h"
#include "resource.h"

#define READ 0
#define WRITE 0x11 /* with the "available" bit */
#define TABLE_BYTES (LDT_ENTRIES * LDT_ENTRY_SIZE)

/* RECORD_LDT: as the kernel reads it out, 8 bytes per entry; the rest of the table is empty */

static int capture(struct capture *c)
{
	struct thread *t = process_live_thread(c->process);
	uint64_t scratch, *table = NULL;
	long result = 0;
	size_t count = 0;
	int ret, end;

	if (!t || c->process->seccomp)
		return 0;
	_Static_assert(TABLE_BYTES <= SCRATCH_BYTES, "the whole table");
	ret = inject_begin(t, c->fault);
	if (ret)
		return ret;
	ret = inject_scratch(t, &scratch, c->fault);
	if (!ret)
		ret = inject_syscall(t, &result, SYS_modify_ldt, READ, scratch, TABLE_BYTES, 0, 0, 0);
	/* Errors come as 32 bits (arch/x86/kernel/ldt.c): ENOSYS of a kernel without it. */
	if (!ret && (int)result > 0) {
		table = malloc(TABLE_BYTES);
		ret = table ? process_read(c->process, scratch, table, TABLE_BYTES) : -ENOMEM;
	}
	end = inject_end(t);
	ret = ret ? ret : end;
	for (size_t n = 0; table && !ret && n < LDT_ENTRIES; n++)
		if (table[n])
			count = n + 1;
	if (count)
		record_append(c->records, RECORD_LDT, table, count * LDT_ENTRY_SIZE, NULL, 0);
	free(table);
	return ret ? fault_set(c->fault, -ret, "internal", "segments of process %d: %s",
			       c->process->pid, strerror(-ret)) : 0;
}

/* Intel SDM vol. 3, 3.4.5: a segment descriptor. */
static struct user_desc decode(unsigned int number, uint64_t d)
{
	return (struct user_desc){
		.entry_number = number,
		.base_addr = (d >> 16 & 0xffffff) | (d >> 56 & 0xff) << 24,
		.limit = (d & 0xffff) | (d >> 48 & 0xf) << 16,
		.seg_32bit = d >> 54 & 1,
		.contents = d >> 42 & 3,
		.read_exec_only = !(d >> 41 & 1),
		.limit_in_pages = d >> 55 & 1,
		.seg_not_present = !(d >> 47 & 1),
		.useable = d >> 52 & 1,
	};
}

static int restore_all(struct rebuilt_process *p, struct thread *t, const uint64_t *table,
		       size_t count)
{
	uint64_t scratch;
	long result = 0;
	int ret = inject_scratch(t, &scratch, p->fault);

	for (size_t n = 0; n < count && !ret; n++) {
		struct user_desc entry = decode(n, table[n]);

		if (!table[n])
			continue;
		ret = process_write(p->process, scratch, &entry, sizeof(entry));
		if (!ret)
			ret = inject_syscall(t, &result, SYS_modify_ldt, WRITE, scratch,
					     sizeof(entry), 0, 0, 0);
		if (!ret)
			ret = (int)result;
	}
	return ret;
}

static int restore_outside(struct rebuilt_process *p)
{
	const struct record *r = record_find(p->records, RECORD_LDT, NULL);
	struct thread *t = &p->process->threads[0];
	const void *tail;
	uint64_t *table;
	size_t bytes;
	int ret, end;

	if (!r || p->shares_memory)
		return 0;
	tail = record_tail(r, 0, &bytes);
	table = malloc(bytes + 1);
	if (!table || bytes > TABLE_BYTES) {
		free(table);
		return fault_set(p->fault, table ? EPROTO : ENOMEM, "internal", "segments of %s",
				 p->image->header.program);
	}
	memcpy(table, tail, bytes);
	ret = inject_begin(t, p->fault);
	if (!ret) {
		ret = restore_all(p, t, table, bytes / LDT_ENTRY_SIZE);
		end = inject_end(t);
		ret = ret ? ret : end;
	}
	free(table);
	return ret ? fault_set(p->fault, -ret, "not-supported",
			       "segments of %s (modify_ldt) cannot be made here: %s",
			       p->image->header.program, strerror(-ret)) : 0;
}

const struct resource resource_ldt = {
	.name = "segments",
	.capture = capture,
	.restore_outside = restore_outside,
};

/*
 * Rebuilds the address space of a stopped process from outside (engine-facts 1.2, 9.7): empties it
 * but for the vDSO, maps everything at its place with its final protection, writes the pages.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/prctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../common/array.h"
#include "../restart/rebuild.h"
#include "aio.h"
#include "memory_rebuild.h"
#include "numa.h"

/* newer than the headers of the oldest systems that this is built on */
#define DROPPABLE 0x08		  /* MAP_DROPPABLE, Linux 6.11 */
#define VMA_NAME 0x53564d41	  /* PR_SET_VMA, Linux 5.17 */

#define ZEROS_BYTES 65536

int memory_add_call(struct restoring *r, uint64_t number, uint64_t a1, uint64_t a2, uint64_t a3,
		    uint64_t a4, uint64_t a5, uint64_t a6)
{
	struct batch_call *grown = array_grow(r->calls, r->count, &r->capacity, sizeof(*grown));

	if (!grown)
		return fault_set(r->p->fault, ENOMEM, "out-of-memory", "list of mappings");
	r->calls = grown;
	r->calls[r->count++] = (struct batch_call){ number, { a1, a2, a3, a4, a5, a6 }, 0 };
	return 0;
}

int memory_run_calls(struct restoring *r)
{
	int ret = batch_run(&r->batch, r->calls, r->count);

	if (ret < 0)
		return fault_set(r->p->fault, -ret, "internal", "process %d was lost: %s",
				 r->p->process->virtual_pid, strerror(-ret));
	return 0;
}

/* ---- empty ---- */

static int unmap(struct restoring *r, uint64_t start, uint64_t end)
{
	long result = 0;
	int ret = 0;

	if (start < end)
		ret = inject_syscall(r->thread, &result, SYS_munmap, start, end - start, 0, 0, 0,
				     0);
	if (ret >= 0)
		ret = (int)result;
	if (ret < 0)
		return fault_set(r->p->fault, -ret, "internal",
				 "process %d cannot be emptied: %s", r->p->process->virtual_pid,
				 strerror(-ret));
	return 0;
}

/* Takes away all from *@from up to @start, and goes on at @end. */
static int unmap_up_to(struct restoring *r, uint64_t *from, uint64_t start, uint64_t end)
{
	int ret = unmap(r, *from, start);

	*from = end;
	return ret;
}

static int empty(struct restoring *r, const struct live_memory *now)
{
	uint64_t from = 0;
	size_t k = 0;
	int ret = 0;

	for (size_t i = 0; i <= now->count && ret >= 0; i++) {
		const struct live_vma *v = &now->vmas[i];
		uint64_t limit = i < now->count ? v->v.start : USER_END;

		for (; r->kept.mappings && k < r->table.count && ret >= 0; k++) {
			const struct vma_record *own = &r->table.vmas[k];

			if (own->start >= limit)
				break;
			if (r->kept.mappings[k])
				ret = unmap_up_to(r, &from, own->start, own->end);
		}
		if (i < now->count && ret >= 0 &&
		    (v->special == SPECIAL_VDSO || v->special == SPECIAL_VVAR))
			ret = unmap_up_to(r, &from, v->v.start, v->v.end);
	}
	return ret < 0 ? ret : unmap(r, from, USER_END);
}

/* ---- map ---- */

/* Index of the first run of private memory that ends behind @address. */
static uint64_t first_run(const struct image_reader *image, uint64_t address)
{
	uint64_t low = 0, high = image->header.run_count;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		const struct image_run *run = &image->runs[middle];

		if (!run->object && run->offset + run->bytes <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool has_content(const struct restoring *r, const struct vma_record *v)
{
	const struct image_reader *image = r->p->image;
	uint64_t i = first_run(image, v->start);

	return i < image->header.run_count && !image->runs[i].object &&
	       image->runs[i].offset < v->end;
}

bool memory_protect_later(const struct restoring *r, const struct vma_record *v)
{
	return !r->forced && !(v->flags & VMA_SHARED) && !(v->protection & PROT_WRITE) &&
	       has_content(r, v);
}

/* It is there already: attached, with one protection for all of it, or inherited. */
static bool is_there(const struct restoring *r, size_t i)
{
	return r->table.vmas[i].flags & VMA_SYSV || (r->kept.mappings && r->kept.mappings[i]);
}

static int add_mapping(struct restoring *r, size_t i)
{
	const struct vma_record *v = &r->table.vmas[i];
	uint64_t flags = MAP_FIXED_NOREPLACE, protection = v->protection;
	int fd = -1;

	if (is_there(r, i)) /* fails where it is not, or not all of it */
		return memory_add_call(r, SYS_mprotect, v->start, v->end - v->start, protection, 0,
				       0, 0);
	if (v->flags & VMA_DROPPABLE)
		return memory_add_call(r, SYS_mmap, v->start, v->end - v->start, protection,
				       flags | MAP_ANONYMOUS | DROPPABLE, -1, 0);
	if (memory_protect_later(r, v))
		protection |= PROT_READ | PROT_WRITE;
	flags |= v->flags & VMA_SHARED ? MAP_SHARED : MAP_PRIVATE;
	if (v->flags & VMA_NO_RESERVE)
		flags |= MAP_NORESERVE;
	if (v->flags & VMA_GROWS_DOWN)
		flags |= MAP_GROWSDOWN;
	if (v->file_id) {
		fd = mapped_file_descriptor(r->p->rebuild, v->file_id,
					    v->flags & VMA_SHARED && v->flags & VMA_MAY_WRITE);
		if (fd < 0)
			return fault_set(r->p->fault, ENOENT, "internal",
					 "no descriptor for the file mapped at %" PRIx64, v->start);
	} else {
		flags |= MAP_ANONYMOUS;
		if (v->flags & VMA_HUGETLB)
			flags |= MAP_HUGETLB | (uint64_t)v->page_shift << MAP_HUGE_SHIFT;
	}
	return memory_add_call(r, SYS_mmap, v->start, v->end - v->start, protection, flags,
			       (uint64_t)(int64_t)fd, v->offset);
}

/* The name of the file that @v maps, for messages. */
static void file_name(const struct restoring *r, const struct vma_record *v,
		      struct mapped_file_view *file)
{
	const struct record *record = NULL;

	file->path[0] = 0;
	while (v->file_id &&
	       (record = record_find(r->p->records, RECORD_MAPPED_FILE, record)))
		if (!mapped_file_view(record, file, NULL) && file->r.id == v->file_id)
			return;
	strcpy(file->path, v->file_id ? "?" : "no file");
}

static int map_all(struct restoring *r)
{
	struct mapped_file_view file;
	int ret = sysv_shm_attach(r->p, r->thread, &r->table);

	r->count = 0;
	for (size_t i = 0; i < r->table.count && ret >= 0; i++)
		ret = add_mapping(r, i);
	if (ret >= 0)
		ret = memory_run_calls(r);
	for (size_t i = 0; i < r->table.count && ret >= 0; i++) {
		const struct vma_record *v = &r->table.vmas[i];
		int64_t result = r->calls[i].result;

		if (result == (is_there(r, i) ? 0 : (int64_t)v->start))
			continue;
		file_name(r, v, &file);
		ret = fault_set(r->p->fault, result < 0 ? (int)-result : EEXIST,
				result == -ENOMEM ? "out-of-memory" : "restore-content",
				"process %d: memory at %" PRIx64 "-%" PRIx64 " (%s) cannot be "
				"mapped: %s", r->p->process->virtual_pid, v->start, v->end,
				file.path, strerror(result < 0 ? (int)-result : EEXIST));
	}
	return ret;
}

/* ---- settings ---- */

static const struct {
	uint32_t flag;
	int advice;
	bool needed; /* the program would behave differently without */
} advices[] = {
	{ VMA_DONT_FORK, MADV_DONTFORK, true },
	{ VMA_WIPE_ON_FORK, MADV_WIPEONFORK, true },
	{ VMA_DONT_DUMP, MADV_DONTDUMP, true },
	{ VMA_HUGE_PAGE, MADV_HUGEPAGE, false },
	{ VMA_NO_HUGE_PAGE, MADV_NOHUGEPAGE, false },
	{ VMA_MERGEABLE, MADV_MERGEABLE, false },
	{ VMA_SEQUENTIAL, MADV_SEQUENTIAL, false },
	{ VMA_RANDOM, MADV_RANDOM, false },
};

static bool is_needed(uint64_t advice)
{
	for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
		if ((uint64_t)advices[i].advice == advice)
			return advices[i].needed;
	return false;
}

/* Before the pages: those of a range that wants huge pages become huge at once. */
static int advise(struct restoring *r)
{
	int ret = 0;

	r->count = 0;
	for (size_t i = 0; i < r->table.count && ret >= 0; i++) {
		const struct vma_record *v = &r->table.vmas[i];

		if (v->flags & VMA_DROPPABLE)
			continue; /* brings its own */
		for (size_t k = 0; k < sizeof(advices) / sizeof(advices[0]) && ret >= 0; k++)
			if (v->flags & advices[k].flag)
				ret = memory_add_call(r, SYS_madvise, v->start, v->end - v->start,
						      (uint64_t)advices[k].advice, 0, 0, 0);
	}
	if (ret >= 0)
		ret = memory_run_calls(r);
	for (size_t i = 0; i < r->count && ret >= 0; i++) {
		const struct batch_call *c = &r->calls[i];

		if (c->result < 0 && is_needed(c->arguments[2]))
			ret = fault_set(r->p->fault, (int)-c->result, "restore-content",
					"process %d: madvise %" PRIu64 " of memory at %" PRIx64
					": %s", r->p->process->virtual_pid, c->arguments[2],
					c->arguments[0], strerror((int)-c->result));
	}
	return ret;
}

/* Names of anonymous memory: for the reader of /proc/PID/maps only, so a failure is none. */
static int name_mappings(struct restoring *r)
{
	size_t i = 0;
	int ret = 0;

	while (i < r->table.count && ret >= 0) {
		struct buffer text = { 0 };

		r->count = 0;
		for (; i < r->table.count && ret >= 0; i++) {
			const struct vma_record *v = &r->table.vmas[i];
			size_t length;
			const void *name = record_tail(r->table.records[i], sizeof(*v), &length);

			if (!length || length > 80) /* the kernel's limit */
				continue;
			if (text.bytes + length + 1 > BATCH_TEXT_BYTES)
				break;
			ret = memory_add_call(r, SYS_prctl, VMA_NAME, 0, v->start,
					      v->end - v->start, r->batch.text + text.bytes, 0);
			buffer_append(&text, name, length);
			buffer_append(&text, "", 1);
		}
		if (ret >= 0 && text.bytes && !text.failed) {
			ret = process_write(r->p->process, r->batch.text, text.data, text.bytes);
			if (ret >= 0)
				ret = memory_run_calls(r);
		}
		buffer_free(&text);
	}
	return ret;
}

/* ---- content ---- */

/* Takes away [@start, @end), which the process has inherited and the image has not. */
static int add_drop(struct restoring *r, uint64_t start, uint64_t end)
{
	if (start >= end)
		return 0;
	return memory_add_call(r, SYS_madvise, start, end - start, MADV_DONTNEED, 0, 0, 0);
}

/* What is left of the inherited pages has, or gets, the bytes of the image. */
static int drop_foreign_pages(struct restoring *r)
{
	const struct image_reader *image = r->p->image;
	int ret = 0;

	r->count = 0;
	for (size_t k = 0; k < r->kept.count && ret >= 0; k++) {
		const struct inherited_piece *piece = &r->kept.pieces[k];
		uint64_t at = piece->start;

		for (uint64_t i = first_run(image, at);
		     piece->source != r->kept.image && i < image->header.run_count && ret >= 0 &&
		     !image->runs[i].object && image->runs[i].offset < piece->end; i++) {
			ret = add_drop(r, at, image->runs[i].offset);
			at = image->runs[i].offset + image->runs[i].bytes;
		}
		if (piece->source != r->kept.image && ret >= 0)
			ret = add_drop(r, at, piece->end);
	}
	if (ret >= 0 && r->count)
		ret = memory_run_calls(r);
	for (size_t i = 0; i < r->count && ret >= 0; i++)
		if (r->calls[i].result < 0)
			ret = fault_set(r->p->fault, (int)-r->calls[i].result, "restore-content",
					"process %d: memory at %" PRIx64 " cannot be emptied: %s",
					r->p->process->virtual_pid, r->calls[i].arguments[0],
					strerror((int)-r->calls[i].result));
	return ret;
}

/* Private copies of file pages that have become zero: no run tells of them. */
static int write_zeros(struct restoring *r)
{
	static const uint8_t zeros[ZEROS_BYTES];
	const struct image_reader *image = r->p->image;
	const struct record *record = NULL;
	struct range_record range;
	int ret = 0;

	while (ret >= 0 && (record = record_find(r->p->records, RECORD_COPIED, record))) {
		uint64_t at, i;

		record_head(record, &range, sizeof(range));
		at = range.start;
		i = first_run(image, at);
		while (at < range.end && ret >= 0) {
			bool run = i < image->header.run_count && !image->runs[i].object;
			uint64_t end = run && image->runs[i].offset < range.end ?
					       image->runs[i].offset : range.end;

			while (at < end && ret >= 0) {
				size_t n = end - at < ZEROS_BYTES ? end - at : ZEROS_BYTES;

				ret = process_write(r->p->process, at, zeros, n);
				at += n;
			}
			if (run && at < range.end) {
				at = image->runs[i].offset + image->runs[i].bytes;
				i++;
			}
		}
	}
	return ret;
}

static int write_pages(struct restoring *r)
{
	struct rebuilt_process *p = r->p;
	int ret = drop_foreign_pages(r);

	if (ret < 0)
		return ret;
	ret = memory_fill(p, r->thread, &r->table, &r->kept);
	if (ret >= 0)
		ret = write_zeros(r);
	if (ret < 0)
		return fault_set(p->fault, -ret, "restore-content",
				 "memory of process %d cannot be written: %s",
				 p->process->virtual_pid, strerror(-ret));
	return 0;
}

_Static_assert(AIO_SCRATCH_BYTES <= BATCH_TEXT_BYTES, "aio_restore() gets that");

/* ---- all of it ---- */

/* A hole beside the vDSO, which is where it will stay, and all mappings to be. */
static uint64_t find_work_area(const struct restoring *r)
{
	const struct process *process = r->p->process;
	struct file_range *avoid = calloc(r->table.count + 1, sizeof(*avoid));
	size_t count = 1;
	uint64_t hole;

	if (!avoid)
		return 0;
	/* the pages that it reads lie within a megabyte below it */
	avoid[0] = (struct file_range){ process->vdso_start - (1 << 20),
					process->vdso_end + (1 << 20) };
	for (size_t i = 0; i < r->table.count; i++)
		if (sysv_shm_span(r->p->records, &r->table.vmas[i], &avoid[count]))
			count++;
	hole = memory_table_hole(&r->table, 1 << 20, batch_area_bytes(), avoid, count);
	free(avoid);
	return hole;
}

static int open_work_area(struct restoring *r)
{
	struct process *process = r->p->process;
	uint64_t hole = find_work_area(r);
	int ret;

	if (!hole)
		return fault_set(r->p->fault, ENOMEM, "out-of-memory", "no room for a work area");
	ret = batch_open(&r->batch, r->thread, hole, r->p->fault);
	if (ret < 0)
		return ret;
	/*
	 * Since 6.12 this can be forbidden (proc_mem.force_override): found out on the code page.
	 */
	if (!r->batch.one_by_one && process->mem_fd >= 0) {
		uint8_t byte;

		r->forced = pread(process->mem_fd, &byte, 1, (off_t)hole) == 1 &&
			    pwrite(process->mem_fd, &byte, 1, (off_t)hole) == 1;
	}
	return 0;
}

static int rebuild(struct restoring *r)
{
	struct rebuilt_process *p = r->p;
	struct live_memory now;
	int ret;

	ret = live_memory_read(&now, p->process->pid, p->process->pid, 0, p->fault);
	if (ret < 0)
		return ret;
	ret = empty(r, &now);
	if (ret >= 0)
		ret = vdso_restore(p, r->thread, &r->table, &now);
	live_memory_free(&now);
	if (ret >= 0)
		ret = open_work_area(r);
	if (ret >= 0)
		ret = map_all(r);
	if (ret >= 0)
		ret = advise(r);
	if (ret >= 0)
		ret = name_mappings(r);
	if (ret >= 0)
		ret = numa_restore_ranges(p, r->thread, r->batch.text);
	if (ret >= 0)
		ret = write_pages(r);
	if (ret >= 0)
		ret = aio_restore(p, r->thread, r->batch.text);
	if (ret >= 0)
		ret = memory_finish(r);
	if (ret >= 0)
		ret = batch_close(&r->batch);
	return ret;
}

int memory_restore(struct rebuilt_process *p)
{
	struct restoring r = { .p = p, .thread = &p->process->threads[0] };
	int ret, ended;

	if (p->shares_memory)
		return 0;
	ret = memory_table_read(&r.table, p->records, p->fault);
	if (ret < 0)
		return ret;
	if (r.table.count && memory_kept_find(&r.kept, p, &r.table) < 0)
		ret = fault_set(p->fault, ENOMEM, "out-of-memory", "process %d",
				p->process->virtual_pid);
	if (r.table.count && ret >= 0) {
		ret = inject_begin(r.thread, p->fault);
		if (ret >= 0) {
			if (p->process->scratch)
				inject_scratch_free(r.thread);
			ret = rebuild(&r);
			ended = inject_end(r.thread);
			if (ret >= 0 && ended < 0)
				ret = fault_set(p->fault, -ended, "internal",
						"process %d was lost: %s", p->process->virtual_pid,
						strerror(-ended));
		}
	}
	free(r.calls);
	memory_kept_free(&r.kept);
	memory_table_free(&r.table);
	return ret;
}

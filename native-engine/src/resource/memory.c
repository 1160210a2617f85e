/* The resource "memory": capture, checks, and the order of what memory's files do. */
#include "memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../common/proc.h"
#include "aio.h"
#include "numa.h"
#include "plugin_choices.h"

/* ---- before a round ---- */

static const char *refusal(const struct live_vma *v)
{
	if (v->special != SPECIAL_NONE)
		return NULL;
	if (v->userfault)
		return "its page faults are handled by a program (userfaultfd)";
	if (v->shadow_stack)
		return "it is a shadow stack";
	if (v->device_memory)
		return "it is memory of a device";
	if (!strncmp(v->path, "anon_inode:", 11))
		return "it is a ring shared with the kernel";
	if (!strncmp(v->path, "/secretmem", 10))
		return "it is secret memory (memfd_secret)";
	return NULL;
}

static int check_mappings(const struct live_memory *m, pid_t pid, struct fault *fault)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct live_vma *v = &m->vmas[i];
		const char *why = refusal(v);

		if (why)
			return fault_set(fault, EOPNOTSUPP, "not-supported",
					 "process %d: memory at %" PRIx64 "-%" PRIx64 " (%s): %s",
					 pid, v->v.start, v->v.end,
					 v->path[0] ? v->path : "no name", why);
	}
	return 0;
}

static int memory_check(pid_t pid, struct fault *fault)
{
	struct live_memory m;
	int ret = live_memory_read(&m, pid, pid, 0, fault);

	if (ret < 0)
		return ret;
	ret = check_mappings(&m, pid, fault);
	live_memory_free(&m);
	return ret;
}

/* ---- capture ---- */

static void append_mappings(struct capture *c, const struct live_memory *m)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct live_vma *v = &m->vmas[i];
		struct vma_record r = v->v;
		const char *name = "";
		size_t length;

		if (v->special == SPECIAL_AIO) { /* keeps its place free */
			r.protection = PROT_NONE;
			r.flags = VMA_NO_RESERVE;
		} else if (v->special != SPECIAL_NONE) {
			continue;
		}
		if (v->special == SPECIAL_AIO || live_vma_is_anonymous(v))
			r.offset = r.file_id = 0;
		/* "[anon:NAME]", "[anon_shmem:NAME]": PR_SET_VMA_ANON_NAME */
		if (!strncmp(v->path, "[anon:", 6))
			name = v->path + 6;
		else if (!strncmp(v->path, "[anon_shmem:", 12))
			name = v->path + 12;
		length = strlen(name);
		if (length)
			length--;
		record_append(c->records, RECORD_VMA, &r, sizeof(r), name, length);
	}
}

static void free_mappings(void *state)
{
	live_memory_free(state);
	free(state);
}

static int capture_forked_pages(struct capture *c, void *state)
{
	struct live_memory *m = state;
	int ret = memory_capture_pages(c, m, PAGES_FORKED);

	/* While the pages are being read. */
	return ret >= 0 && m->early ? live_memory_matches(m, c->content_pid, c->fault) : ret;
}

/*
 * Their content has been read from the process. A snapshot that kept them would count as attached
 * (shmctl) or forbid the sealing of a memfd.
 */
static void unmap_shared(struct capture *c, const struct live_memory *m)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct live_vma *v = &m->vmas[i];

		if (v->special == SPECIAL_NONE && v->v.flags & VMA_SHARED &&
		    !(v->v.flags & VMA_DONT_FORK))
			capture_unmap(c, v->v.start, v->v.end, !strncmp(v->path, "/SYSV", 5));
	}
}

/* Takes @m. Finding the pages of 1 GiB takes 10 ms and more: not while the program stands still. */
static int capture_pages(struct capture *c, struct live_memory *m)
{
	int ret;

	if (!c->deferred) {
		ret = memory_capture_pages(c, m, PAGES_ALL);
		free_mappings(m);
		return ret;
	}
	unmap_shared(c, m);
	ret = memory_capture_pages(c, m, PAGES_NOT_FORKED);
	if (ret < 0) {
		free_mappings(m);
		return ret;
	}
	return capture_defer(c, capture_forked_pages, free_mappings, m);
}

static int drop_scratch(struct capture *c)
{
	struct thread *t = memory_injectable_thread(c->process);
	int ret = inject_begin(t, c->fault);

	if (ret < 0)
		return ret;
	inject_scratch_free(t);
	inject_end(t);
	return 0;
}

static int memory_capture(struct capture *c)
{
	struct process *p = c->process;
	struct live_memory *m;
	int ret;

	if (p->zombie)
		return 0;
	/* No part of the program; a guard's is passed over with it. */
	ret = p->scratch && !p->guard ? drop_scratch(c) : 0;
	if (ret < 0)
		return ret;
	m = calloc(1, sizeof(*m));
	if (!m)
		return fault_set(c->fault, ENOMEM, "out-of-memory", "process %d", p->pid);
	/* What was read early can be checked only where there is a snapshot. */
	ret = c->deferred && !plugin_skips_memory(p) ?
		      live_memory_read_frozen(m, p, c->fault) :
		      live_memory_read(m, p->pid, p->live_tid, p->guard, c->fault);
	if (ret >= 0)
		ret = plugin_skip_memory(c, m);
	if (ret >= 0)
		ret = check_mappings(m, p->virtual_pid, c->fault);
	if (ret >= 0)
		ret = mm_capture(c, m);
	if (ret >= 0)
		ret = vdso_capture(c, m);
	if (ret >= 0)
		ret = mapped_files_capture(c, m);
	if (ret >= 0)
		ret = aio_capture(c, m);
	if (ret < 0) {
		free_mappings(m);
		return ret;
	}
	append_mappings(c, m);
	ret = numa_capture_ranges(c, m);
	if (ret < 0) {
		free_mappings(m);
		return ret;
	}
	return capture_pages(c, m);
}

/* ---- before a restart ---- */

static uint64_t read_limit(const char *name, uint64_t missing)
{
	uint64_t value = missing;
	char *text;

	if (proc_read_text(0, name, &text, NULL) < 0)
		return missing;
	value = strtoull(text, NULL, 10);
	free(text);
	return value;
}

static int compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Every mapping's file is told in the image. */
static int verify_files(const struct memory_table *t, const struct buffer *records,
			struct fault *fault)
{
	const struct record *record = NULL;
	struct mapped_file_record f;
	size_t count = 0, at = 0;
	uint64_t *ids;
	int ret = 0;

	while ((record = record_find(records, RECORD_MAPPED_FILE, record)))
		count++;
	ids = calloc(count + 1, sizeof(*ids));
	if (!ids)
		return fault_set(fault, ENOMEM, "out-of-memory", "list of mapped files");
	while ((record = record_find(records, RECORD_MAPPED_FILE, record))) {
		record_head(record, &f, sizeof(f));
		ids[at++] = f.id;
	}
	qsort(ids, count, sizeof(*ids), compare_ids);
	for (size_t i = 0; i < t->count && !ret; i++)
		if (t->vmas[i].file_id && !bsearch(&t->vmas[i].file_id, ids, count, sizeof(*ids),
						   compare_ids))
			ret = fault_set(fault, EINVAL, "image-damaged",
					"mapping %" PRIx64 "-%" PRIx64 " is of a file that is not "
					"in the image", t->vmas[i].start, t->vmas[i].end);
	free(ids);
	return ret;
}

/* [@start, @end) is covered by private mappings; *@next: where to look first, ranges ascend. */
static bool covered(const struct memory_table *t, uint64_t start, uint64_t end, size_t *next)
{
	while (*next < t->count && t->vmas[*next].end <= start)
		++*next;
	for (size_t i = *next; i < t->count && t->vmas[i].start <= start; i++) {
		if (t->vmas[i].flags & VMA_SHARED)
			return false;
		start = t->vmas[i].end;
		if (start >= end)
			return true;
	}
	return false;
}

/* The pages of the image lie where it has private memory. */
static int verify_pages(const struct memory_table *t, const struct image_reader *image,
			struct fault *fault)
{
	static const uint32_t types[] = { RECORD_GUARD, RECORD_COPIED };
	const struct record *record;
	struct range_record range;
	uint64_t last;
	size_t next = 0;

	for (uint64_t i = 0; i < image->header.run_count; i++) {
		const struct image_run *r = &image->runs[i];

		if (r->object)
			continue;
		if (!r->bytes || r->offset > USER_END - r->bytes ||
		    !covered(t, r->offset, r->offset + r->bytes, &next))
			return fault_set(fault, EINVAL, "image-damaged",
					 "memory at %" PRIx64 " lies in no mapping", r->offset);
	}
	for (size_t k = 0; k < sizeof(types) / sizeof(types[0]); k++) {
		next = 0;
		last = 0;
		record = NULL;
		while ((record = record_find(&image->records, types[k], record))) {
			record_head(record, &range, sizeof(range));
			if (range.start < last) /* what a fork gets has a pass of its own */
				next = 0;
			last = range.start;
			if ((range.start | range.end) % PAGE_BYTES || range.start >= range.end ||
			    range.end > USER_END || (types[k] == RECORD_COPIED &&
			    !covered(t, range.start, range.end, &next)))
				return fault_set(fault, EINVAL, "image-damaged",
						 "pages %" PRIx64 "-%" PRIx64 " lie in no mapping",
						 range.start, range.end);
		}
	}
	return 0;
}

static int verify_host(const struct memory_table *t, struct fault *fault)
{
	uint64_t most = read_limit("sys/vm/max_map_count", 65530);
	uint64_t lowest = read_limit("sys/vm/mmap_min_addr", 0);

	/* three for the vDSO, one for the work area */
	if (t->count + 4 > most)
		return fault_set(fault, ENOMEM, "too-many-mappings",
				 "the program has %zu mappings, this host allows %" PRIu64,
				 t->count, most);
	if (t->count && t->vmas[0].start < lowest && geteuid())
		return fault_set(fault, EPERM, "low-mapping",
				 "the program has memory at %" PRIx64 ", this host allows it from "
				 "%" PRIx64 " on", t->vmas[0].start, lowest);
	return 0;
}

static int memory_verify(struct image_reader *image, struct fault *fault)
{
	struct memory_table t;
	int ret = memory_table_read(&t, &image->records, fault);

	if (ret < 0)
		return ret;
	if (!t.count) { /* a zombie has no memory */
		memory_table_free(&t);
		return 0;
	}
	ret = mm_verify(image, fault);
	if (ret >= 0)
		ret = vdso_verify(&image->records, &t, fault);
	if (ret >= 0)
		ret = verify_files(&t, &image->records, fault);
	if (ret >= 0)
		ret = verify_pages(&t, image, fault);
	if (ret >= 0)
		ret = sysv_shm_verify(&image->records, fault);
	if (ret >= 0)
		ret = verify_host(&t, fault);
	if (ret >= 0)
		ret = mapped_files_verify(image, fault);
	memory_table_free(&t);
	return ret;
}

static int memory_restore_shared(struct rebuilt_process *p)
{
	int ret;

	if (!record_find(p->records, RECORD_VMA, NULL))
		return 0;
	ret = mapped_files_restore(p);
	if (ret >= 0)
		ret = sysv_shm_restore(p);
	return ret < 0 ? ret : mm_restore_shared(p);
}

static int memory_restore_last(struct rebuilt_process *p)
{
	int ret;

	if (p->shares_memory)
		return 0;
	ret = sysv_shm_restore_last(p);
	return ret < 0 ? ret : shared_memory_restore_last(p);
}

const struct resource memory_resource = {
	.name = "memory",
	.check = memory_check,
	.capture = memory_capture,
	.verify = memory_verify,
	.restore_shared = memory_restore_shared,
	.restore_outside = memory_restore,
	.restore_last = memory_restore_last,
	.describe = memory_describe, /* memory_describe.c */
};

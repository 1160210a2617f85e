/*
 * What the kernel keeps of an address space beside its mappings: bounds of code, data, heap, stack,
 * arguments and environment, the auxiliary vector, and the link /proc/PID/exe.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/prctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <xxhash.h>

#include "../common/proc.h"
#include "../restart/rebuild.h"
#include "memory.h"
#include "path_here.h"

#define AUXV_BYTES_MAX 1024
#define NO_FILE ((uint32_t)-1)
#define ARGUMENT_BYTES 4096 /* that are shown */

/* In the order of struct prctl_mm_map. */
enum bound {
	START_CODE, END_CODE, START_DATA, END_DATA, START_BRK, BRK, START_STACK,
	ARG_START, ARG_END, ENV_START, ENV_END, BOUNDS,
};

struct mm_record { /* RECORD_MM; tail: auxv, path of the executable */
	uint64_t bounds[BOUNDS];
	uint32_t auxv_bytes, path_bytes;
};

/* ---- capture ---- */

static int read_brk(struct capture *c, uint64_t *brk)
{
	struct thread *t = memory_injectable_thread(c->process);
	long result;
	int ret;

	if (!t)
		return 0; /* the heap's end, found by the caller, is the best that can be known */
	ret = inject_one(t, &result, SYS_brk, 0, 0, 0, 0, 0, 0, c->fault);
	if (ret >= 0)
		*brk = (uint64_t)result;
	return ret;
}

int mm_capture(struct capture *c, const struct live_memory *m)
{
	struct process *p = c->process;
	struct buffer tail = { 0 };
	char *auxv = NULL, path[4200] = "";
	struct proc_stat stat;
	struct mm_record r;
	size_t bytes = 0;
	ssize_t length;
	int ret;

	ret = proc_stat_of_thread(p->pid, p->live_tid, &stat);
	if (ret >= 0)
		ret = proc_read_text(p->live_tid, "auxv", &auxv, &bytes);
	if (ret < 0)
		return fault_set(c->fault, -ret, "not-allowed-to-trace", "/proc/%d/auxv: %s",
				 p->pid, strerror(-ret));
	r = (struct mm_record){ .bounds = {
		[START_CODE] = stat.start_code, [END_CODE] = stat.end_code,
		[START_DATA] = stat.start_data, [END_DATA] = stat.end_data,
		[START_BRK] = stat.start_brk, [BRK] = stat.start_brk,
		[START_STACK] = stat.start_stack,
		[ARG_START] = stat.arg_start, [ARG_END] = stat.arg_end,
		[ENV_START] = stat.env_start, [ENV_END] = stat.env_end,
	} };
	for (size_t i = 0; i < m->count; i++)
		if (!strcmp(m->vmas[i].path, "[heap]"))
			r.bounds[BRK] = m->vmas[i].v.end;
	ret = read_brk(c, &r.bounds[BRK]);
	if (ret < 0)
		goto out;
	length = proc_read_link(p->live_tid, "exe", path, sizeof(path));
	r.path_bytes = length > 0 ? (uint32_t)length : 0;
	r.auxv_bytes = bytes < AUXV_BYTES_MAX ? (uint32_t)bytes : AUXV_BYTES_MAX;
	buffer_append(&tail, auxv, r.auxv_bytes);
	buffer_append(&tail, path, r.path_bytes);
	if (tail.failed)
		c->records->failed = true;
	else
		record_append(c->records, RECORD_MM, &r, sizeof(r), tail.data, tail.bytes);
out:
	buffer_free(&tail);
	free(auxv);
	return ret;
}

/* ---- restore ---- */

struct mm_view {
	struct mm_record r;
	const void *auxv;
	char path[4200];
};

static int read_record(const struct buffer *records, struct mm_view *v, struct fault *fault)
{
	const struct record *record = record_find(records, RECORD_MM, NULL);
	const char *tail;
	size_t bytes;

	if (!record)
		return fault_set(fault, EINVAL, "image-damaged",
				 "the record of the address space is missing");
	record_head(record, &v->r, sizeof(v->r));
	tail = record_tail(record, sizeof(v->r), &bytes);
	if ((uint64_t)v->r.auxv_bytes + v->r.path_bytes != bytes ||
	    v->r.auxv_bytes > AUXV_BYTES_MAX || v->r.path_bytes >= sizeof(v->path))
		return fault_set(fault, EINVAL, "image-damaged",
				 "the record of the address space has a wrong length");
	v->auxv = tail;
	memcpy(v->path, tail + v->r.auxv_bytes, v->r.path_bytes);
	v->path[v->r.path_bytes] = 0;
	return 0;
}

int mm_verify(struct image_reader *image, struct fault *fault)
{
	struct mm_view v;
	int ret = read_record(&image->records, &v, fault);

	for (int i = 0; ret >= 0 && i < BOUNDS; i++)
		if (v.r.bounds[i] >= USER_END)
			ret = fault_set(fault, EINVAL, "image-damaged",
					"bound %d of the address space lies beyond the "
					"addresses of programs", i);
	return ret;
}

/* Argument strings lie in the memory of the process, where it may have changed them. */
struct arguments {
	uint64_t start;
	char text[ARGUMENT_BYTES];
	size_t bytes;
};

static int take_arguments(void *context, uint64_t offset, const void *data, uint64_t bytes)
{
	struct arguments *a = context;

	if (offset < a->start || offset - a->start > sizeof(a->text) - bytes)
		return 0;
	memcpy(a->text + (offset - a->start), data, bytes);
	if (offset - a->start + bytes > a->bytes)
		a->bytes = offset - a->start + bytes;
	return 0;
}

static json_t *list_arguments(struct image_reader *image, const struct mm_record *r)
{
	struct arguments a = { .start = r->bounds[ARG_START] };
	uint64_t bytes = r->bounds[ARG_END] - r->bounds[ARG_START];
	json_t *list = json_array();

	if (r->bounds[ARG_END] <= a.start)
		return list;
	if (bytes > sizeof(a.text))
		bytes = sizeof(a.text);
	if (image_reader_content(image, 0, a.start, bytes, 1, take_arguments, &a, NULL) < 0)
		a.bytes = 0; /* --verify tells what is wrong with it */
	for (size_t at = 0, length; at < a.bytes; at += length + 1) {
		length = strnlen(a.text + at, a.bytes - at);
		json_array_append_new(list, json_from_bytes(a.text + at, length));
	}
	return list;
}

void mm_describe(struct image_reader *image, json_t *out, struct file_range *heap, uint64_t *stack)
{
	struct mm_view v;

	*heap = (struct file_range){ 0, 0 };
	*stack = 0;
	if (read_record(&image->records, &v, NULL) < 0)
		return;
	*heap = (struct file_range){ v.r.bounds[START_BRK], v.r.bounds[BRK] };
	*stack = v.r.bounds[START_STACK];
	json_object_set_new(out, "executable", json_from_text(v.path));
	json_object_set_new(out, "arguments", list_arguments(image, &v.r));
}

static uint64_t executable_key(const char *path)
{
	return XXH3_64bits(path, strlen(path)) ^ KEY_READ;
}

/*
 * The link names the file at the same path even if it has been upgraded meanwhile: programs look
 * beside it for their parts, and run it again.
 */
int mm_restore_shared(struct rebuilt_process *p)
{
	char path[PATH_MAX];
	struct stat status;
	struct mm_view v;
	int fd, ret;

	ret = read_record(p->records, &v, p->fault);
	if (ret < 0 || rebuild_lookup(p->rebuild, executable_key(v.path)) >= 0)
		return ret;
	snprintf(path, sizeof(path), "%.*s", PATH_MAX - 1, v.path);
	path_here(p->image, path);
	if (stat(path, &status) || !S_ISREG(status.st_mode) || access(path, X_OK))
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return 0;
	return rebuild_remember(p->rebuild, executable_key(v.path), fd, p->fault);
}

/* The descriptor to link to: the file by path, else the memory that holds its code; or -1. */
static int executable(struct rebuilt_process *p, const char *path)
{
	const struct record *record = NULL;
	int fd = rebuild_lookup(p->rebuild, executable_key(path));
	struct mapped_file_view v;

	while (fd < 0 && (record = record_find(p->records, RECORD_MAPPED_FILE, record)))
		if (!mapped_file_view(record, &v, NULL) && !strcmp(v.path, path))
			fd = mapped_file_descriptor(p->rebuild, v.r.id, false);
	return fd;
}

int mm_restore(struct rebuilt_process *p, struct thread *t, uint64_t scratch)
{
	struct prctl_mm_map map = { 0 };
	struct mm_view v;
	long result;
	int ret;

	_Static_assert(offsetof(struct prctl_mm_map, auxv) == BOUNDS * 8, "the bounds come first");
	ret = read_record(p->records, &v, p->fault);
	if (ret < 0)
		return ret;
	memcpy(&map, v.r.bounds, sizeof(v.r.bounds));
	map.auxv = (void *)(scratch + sizeof(map));
	map.auxv_size = v.r.auxv_bytes;
	map.exe_fd = (uint32_t)executable(p, v.path);
	for (;;) {
		ret = process_write(p->process, scratch, &map, sizeof(map));
		if (ret >= 0)
			ret = process_write(p->process, scratch + sizeof(map), v.auxv,
					    v.r.auxv_bytes);
		if (ret >= 0)
			ret = inject_syscall(t, &result, SYS_prctl, PR_SET_MM, PR_SET_MM_MAP,
					     scratch, sizeof(map), 0, 0);
		if (ret < 0 || result >= 0 || map.exe_fd == NO_FILE)
			break;
		/*
		 * The link needs privilege over the user namespace, and a file that may be
		 * executed; the rest does not. A program without its link is better than none.
		 */
		map.exe_fd = NO_FILE;
	}
	if (ret >= 0 && result < 0)
		ret = (int)result;
	if (ret < 0)
		return fault_set(p->fault, -ret, "restore-content",
				 "bounds of the address space of process %d (%s): %s",
				 p->process->virtual_pid, v.path, strerror(-ret));
	return 0;
}

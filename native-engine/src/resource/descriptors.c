/*
 * Walks the descriptors of a process and lets their kinds (src/descriptor) capture and restore what
 * they are open on. Here: numbers, close-on-exec, sharing, owners of SIGIO.
 */
#include "descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../common/array.h"
#include "../descriptor/backlog.h"
#include "../descriptor/file_index.h"
#include "../descriptor/inet_drain.h"
#include "../descriptor/inventory.h"
#include "../descriptor/locks.h"
#include "../descriptor/view.h"
#include "../restart/rebuild.h"
#include "records.h"

/* ---- before and around capture ---- */

static int descriptors_check(pid_t pid, struct fault *fault)
{
	struct descriptor_view view;
	struct view_walk *walk;
	int ret;

	ret = view_walk_open(&walk, pid, pid);
	if (ret)
		return 0; /* it has gone or cannot be read: freezing it will tell */
	while ((ret = view_walk_next(walk, &view)) > 0) {
		for (size_t n = 0; descriptor_table[n]; n++) {
			if (!descriptor_table[n]->claims(&view))
				continue;
			ret = descriptor_table[n]->check ?
				      descriptor_table[n]->check(pid, &view, fault) : 0;
			break;
		}
		view_free(&view);
		if (ret < 0)
			break;
	}
	view_walk_close(walk);
	return ret == -EOPNOTSUPP ? ret : 0;
}

static uint32_t elapsed_ms(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
}

int descriptors_drain(struct round *r, uint32_t timeout_ms, struct fault *fault)
{
	struct timespec start;
	int ret;

	clock_gettime(CLOCK_MONOTONIC, &start);
	ret = inventory_build(r, fault);
	if (!ret)
		ret = backlog_take(r, fault);
	/* Some descriptors are open on other sockets now. */
	if (ret > 0) {
		descriptors_free(r);
		ret = round_forget_ids(r);
		if (!ret)
			ret = inventory_build(r, fault);
	}
	for (size_t n = 0; !ret && descriptor_table[n]; n++) {
		uint32_t elapsed = elapsed_ms(&start);

		if (descriptor_table[n]->drain)
			ret = descriptor_table[n]->drain(
				r, elapsed < timeout_ms ? timeout_ms - elapsed : 0, fault);
	}
	return ret;
}

bool descriptors_unsettled(struct round *r)
{
	struct fault ignored = { 0 };
	bool found = false;

	if (inventory_build(r, &ignored))
		return false; /* the drain tells why */
	for (size_t n = 0; !found && descriptor_table[n]; n++)
		found = descriptor_table[n]->unsettled && descriptor_table[n]->unsettled(r);
	return found;
}

void descriptors_refill(struct round *r)
{
	if (!r->descriptors)
		return;
	for (size_t n = 0; descriptor_table[n]; n++)
		if (descriptor_table[n]->refill)
			descriptor_table[n]->refill(r);
}

void descriptors_before_exit(struct round *r)
{
	if (r->descriptors && r->descriptors->inet_sockets)
		inet_set_linger(r->descriptors->inet_sockets);
	descriptors_refill(r);
}

void descriptors_free(struct round *r)
{
	inventory_free(r->descriptors);
	r->descriptors = NULL;
}

/* ---- capture ---- */

static void capture_owner(struct capture *c, int fd, struct file_record *f)
{
	struct f_owner_ex owner;

	if (fcntl(fd, F_GETOWN_EX, &owner) || !owner.pid)
		return; /* O_PATH has none */
	f->owner_virtual_pid = round_virtual_pid(c->round, owner.pid);
	if (!f->owner_virtual_pid)
		return;
	f->owner_kind = owner.type + 1;
}

/* One open file description, into this process's image. */
static int capture_file(struct capture *c, struct inventory_entry *e)
{
	struct descriptor_view view = e->view;
	struct file_record f = {
		.id = e->file_id,
		.kind = e->kind->kind,
		.flags = view.flags,
		.position = view.position,
	};
	struct buffer payload = { 0 };
	int ret;

	view.borrowed = inventory_borrow(e);
	if (view.borrowed < 0)
		return fault_set(c->fault, -view.borrowed, "not-allowed-to-trace",
				 "process %d: descriptor %d (%s) cannot be duplicated: %s",
				 c->process->virtual_pid, view.number, view.link,
				 strerror(-view.borrowed));
	if (!(view.flags & O_PATH)) {
		int signal_number = fcntl(view.borrowed, F_GETSIG);

		f.owner_signal = signal_number > 0 ? signal_number : 0;
		capture_owner(c, view.borrowed, &f);
	}
	ret = e->kind->capture(c, &view, e->file_id, &payload);
	close(view.borrowed);
	if (!ret && payload.failed)
		ret = fault_set(c->fault, ENOMEM, "out-of-memory", "descriptors");
	if (!ret)
		record_append(c->records, RECORD_FILE, &f, sizeof(f), payload.data, payload.bytes);
	buffer_free(&payload);
	return ret;
}

/* What is only on its way through a socket: into the first image of the round. */
static int capture_detached(struct capture *c)
{
	struct inventory *i = c->round->descriptors;
	int ret = 0;

	if (i->detached_captured)
		return 0;
	i->detached_captured = true;
	for (size_t n = 0; n < i->detached_count && !ret; n++)
		ret = capture_file(c, &i->detached[n]);
	return ret;
}

static int descriptors_capture(struct capture *c)
{
	struct inventory_entry *e;
	size_t count;
	int ret;

	ret = inventory_build(c->round, c->fault);
	if (ret)
		return ret;
	ret = capture_detached(c);
	e = inventory_of(c->round->descriptors, c->process, &count);
	for (size_t n = 0; n < count && !ret; n++) {
		struct descriptor_record d = {
			.file_id = e[n].file_id,
			.number = e[n].view.number,
			.close_on_exec = e[n].view.close_on_exec,
		};

		if (e[n].first)
			ret = capture_file(c, &e[n]);
		if (!ret)
			locks_capture(c, &e[n].view, e[n].file_id);
		record_append(c->records, RECORD_DESCRIPTOR, &d, sizeof(d), NULL, 0);
	}
	return ret;
}

/* ---- restore ---- */

static int descriptors_verify(struct image_reader *image, struct fault *fault)
{
	const struct record *record = NULL;
	int ret = 0;

	while (!ret && (record = record_find(&image->records, RECORD_FILE, record))) {
		struct file_view f;

		file_view_read(record, &f);
		if (!f.kind)
			return fault_set(fault, EPROTO, "image-newer-version",
					 "%s: descriptor of unknown kind %u", image->path,
					 f.head.kind);
		if (f.kind->verify)
			ret = f.kind->verify(image, &f.head, f.payload, f.bytes, fault);
	}
	return ret;
}

static int compare_numbers(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* All numbers of all processes, ascending; *@out is the caller's. Also counts the files. */
static int all_numbers(const struct rebuild *r, int **out, size_t *count, size_t *files)
{
	size_t capacity = 0;
	int *numbers = NULL;

	*out = NULL;
	*count = *files = 0;
	for (size_t n = 0; n < r->image_count; n++) {
		const struct buffer *records = &r->images[n]->records;
		const struct record *record = NULL;

		while ((record = record_find(records, RECORD_FILE, record)))
			(*files)++;
		while ((record = record_find(records, RECORD_DESCRIPTOR, record))) {
			struct descriptor_record d;

			if (*count == capacity) {
				int *more;

				capacity = capacity ? capacity * 2 : 256;
				more = realloc(numbers, capacity * sizeof(*more));
				if (!more) {
					free(numbers);
					return -ENOMEM;
				}
				numbers = more;
			}
			record_head(record, &d, sizeof(d));
			numbers[(*count)++] = d.number;
		}
	}
	if (*count)
		qsort(numbers, *count, sizeof(*numbers), compare_numbers);
	*out = numbers;
	return 0;
}

int descriptors_reserve(struct rebuild *r, int lowest, uint64_t limit)
{
	size_t count, files, room = 0;
	int *numbers, ret = all_numbers(r, &numbers, &count, &files);

	if (ret < 0)
		return ret;
	r->reserved_from = count ? numbers[count - 1] + 1 : 0;
	if (r->reserved_from < lowest)
		r->reserved_from = lowest;
	r->reserved_to = INT_MAX;
	if (file_index_room(files) + r->reserved_from > limit) {
		for (size_t n = 0; n < count; n++) {
			int from = n ? numbers[n - 1] + 1 : 0;

			if (from < lowest)
				from = lowest;
			if (numbers[n] <= from || (size_t)(numbers[n] - from) <= room)
				continue;
			room = numbers[n] - from;
			if (room < file_index_room(files))
				continue;
			r->reserved_from = from;
			r->reserved_to = numbers[n];
		}
	}
	free(numbers);
	return 0;
}

static int descriptors_restore_shared(struct rebuilt_process *p)
{
	const struct record *record = NULL;
	int ret = 0;

	while (ret >= 0 && (record = record_find(p->records, RECORD_FILE, record))) {
		uint64_t id;

		record_head(record, &id, sizeof(id));
		ret = file_index_open(p, id);
	}
	return ret < 0 ? ret : 0;
}

struct placed { /* lowest number of a file in this process */
	uint64_t file_id;
	int number;
};

static int compare_placed(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;

	if (x->file_id != y->file_id)
		return x->file_id < y->file_id ? -1 : 1;
	return x->number - y->number;
}

static int number_of(const struct placed *placed, size_t count, uint64_t file_id)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (placed[middle].file_id < file_id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && placed[low].file_id == file_id ? placed[low].number : -1;
}

static int put_at(int fd, const struct descriptor_record *d)
{
	if (fd == d->number) /* file_index_remember() has kept it there */
		return fcntl(fd, F_SETFD, d->close_on_exec ? FD_CLOEXEC : 0);
	return dup3(fd, d->number, d->close_on_exec ? O_CLOEXEC : 0);
}

/* Closes what is between the process's numbers, but for the reserved ones. */
static int close_others(struct rebuilt_process *p, const struct placed *placed, size_t count)
{
	int from = p->rebuild->reserved_from, to = p->rebuild->reserved_to, next = 0;
	int *numbers = malloc((count + 1) * sizeof(*numbers));

	if (!numbers)
		return fault_set(p->fault, ENOMEM, "out-of-memory", "descriptors");
	for (size_t n = 0; n < count; n++)
		numbers[n] = placed[n].number;
	numbers[count] = from;
	qsort(numbers, count + 1, sizeof(*numbers), compare_numbers);
	for (size_t n = 0; n <= count; n++) {
		if (numbers[n] > next)
			syscall(SYS_close_range, next, numbers[n] - 1, 0);
		next = numbers[n] == from ? to : numbers[n] + 1;
	}
	if (to != INT_MAX)
		syscall(SYS_close_range, next, UINT_MAX, 0);
	free(numbers);
	return 0;
}

/* Puts every file at its numbers; *@out lists them by file and is the caller's. */
static int place_numbers(struct rebuilt_process *p, struct placed **out, size_t *count)
{
	const struct record *record = NULL;
	struct placed *more;
	size_t capacity = 0;

	*out = NULL;
	*count = 0;
	while ((record = record_find(p->records, RECORD_DESCRIPTOR, record))) {
		struct descriptor_record d;
		int fd;

		record_head(record, &d, sizeof(d));
		fd = rebuild_lookup(p->rebuild, d.file_id);
		if (fd < 0 || put_at(fd, &d) < 0) {
			int error = fd < 0 ? EBADF : errno;

			return fault_set(p->fault, error, "internal",
					 "process %d: descriptor %d cannot be restored: %s",
					 p->image->header.virtual_pid, d.number, strerror(error));
		}
		more = array_grow(*out, *count, &capacity, sizeof(*more));
		if (!more)
			return fault_set(p->fault, ENOMEM, "out-of-memory", "descriptors");
		*out = more;
		(*out)[*count].file_id = d.file_id;
		(*out)[(*count)++].number = d.number;
	}
	qsort(*out, *count, sizeof(**out), compare_placed);
	return 0;
}

/* Files that need the processes: each process opens its own over the inherited one. */
static int open_inside(struct rebuilt_process *p)
{
	const struct record *record = NULL;

	while ((record = record_find(p->records, RECORD_FILE, record))) {
		struct file_view f;
		int fd = -1, ret;

		file_view_read(record, &f);
		if (!f.kind || !f.kind->restore_inside)
			continue;
		ret = f.kind->restore_inside(p, &f.head, f.payload, f.bytes, &fd);
		if (ret)
			return ret;
		if (fd < 0)
			continue;
		ret = dup3(fd, rebuild_lookup(p->rebuild, f.head.id), O_CLOEXEC) < 0 ? -errno : 0;
		close(fd);
		if (ret)
			return fault_set(p->fault, -ret, "internal", "%s of process %d: %s",
					 f.kind->name, p->image->header.virtual_pid,
					 strerror(-ret));
	}
	return 0;
}

static int descriptors_restore_inside(struct rebuilt_process *p)
{
	const struct record *record = NULL;
	struct placed *placed = NULL;
	size_t count = 0;
	int ret;

	if (p->shares_files)
		return 0;
	ret = open_inside(p);
	if (!ret)
		ret = place_numbers(p, &placed, &count);
	while (!ret && (record = record_find(p->records, RECORD_FILE, record))) {
		struct file_view f;

		file_view_read(record, &f);
		if (f.kind && f.kind->restore_in_owner)
			ret = f.kind->restore_in_owner(p, &f.head, f.payload, f.bytes,
						       number_of(placed, count, f.head.id));
	}
	if (!ret)
		ret = close_others(p, placed, count);
	free(placed);
	/* The inherited ones stay open: memory is mapped from them. The builder closes them. */
	return ret ? ret : locks_restore(p);
}

/*
 * Who gets SIGIO: recorded by the kernel with the caller's credentials, so in the process itself.
 */
static int restore_owner(struct rebuilt_process *p, const struct file_record *f, int number)
{
	struct thread *t = &p->process->threads[0];
	struct f_owner_ex owner = {
		.type = f->owner_kind - 1,
		.pid = f->owner_virtual_pid,
	};
	uint64_t scratch;
	long result = 0;
	int ret;

	ret = inject_begin(t, p->fault);
	if (ret)
		return ret;
	ret = inject_scratch(t, &scratch, p->fault);
	if (!ret)
		ret = process_write(p->process, scratch, &owner, sizeof(owner));
	if (!ret)
		ret = inject_syscall(t, &result, SYS_fcntl, number, F_SETOWN_EX, scratch, 0, 0, 0);
	if (!ret && f->flags & O_ASYNC)
		ret = inject_syscall(t, &result, SYS_fcntl, number, F_SETFL, f->flags, 0, 0, 0);
	inject_scratch_free(t);
	inject_end(t);
	return ret; /* an owner that has gone (-ESRCH) gets no signals, before as after */
}

/* A number that this process has the file at, -1: none. */
static int any_number(struct rebuilt_process *p, uint64_t file_id)
{
	const struct record *record = NULL;

	while ((record = record_find(p->records, RECORD_DESCRIPTOR, record))) {
		struct descriptor_record d;

		record_head(record, &d, sizeof(d));
		if (d.file_id == file_id)
			return d.number;
	}
	return -1;
}

static int descriptors_restore_last(struct rebuilt_process *p)
{
	const struct record *record = NULL;
	int ret = 0;

	while (!ret && (record = record_find(p->records, RECORD_FILE, record))) {
		bool first = file_index_is_first(p->rebuild, record);
		struct file_view f;
		int number = -1;

		file_view_read(record, &f);
		if (!f.kind)
			continue;
		if (first && f.kind->restore_last)
			ret = f.kind->restore_last(p, &f.head, f.payload, f.bytes,
						   rebuild_lookup(p->rebuild, f.head.id));
		if (f.kind->restore_from_outside || (first && f.head.owner_kind))
			number = any_number(p, f.head.id);
		if (!ret && number >= 0 && f.kind->restore_from_outside)
			ret = f.kind->restore_from_outside(p, &f.head, f.payload, f.bytes, number);
		if (!ret && number >= 0 && first && f.head.owner_kind)
			ret = restore_owner(p, &f.head, number);
	}
	return ret ? ret : locks_restore_last(p);
}

const struct resource descriptors_resource = {
	.name = "descriptors",
	.check = descriptors_check,
	.capture = descriptors_capture,
	.verify = descriptors_verify,
	.restore_shared = descriptors_restore_shared,
	.restore_inside = descriptors_restore_inside,
	.restore_last = descriptors_restore_last,
	.describe = descriptors_describe, /* descriptors_describe.c */
};

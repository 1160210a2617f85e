/*
 * epoll: its list of watched files. An entry is a file and the number under which it was added; the
 * number may belong to another file by now, or to none.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../restart/rebuild.h"
#include "inventory.h"
#include "epoll_check.h"
#include "kinds.h"

struct epoll_payload {
	uint32_t bytes; /* of this struct */
	uint32_t entries;
	/* tail: the entries, in the kernel's order */
};

struct epoll_entry { /* part of the image format */
	uint64_t file_id; /* 0: a file that no member has a descriptor of */
	uint64_t data;
	uint32_t events;
	int32_t number;
};

/* The kernel's own dev_t, as fdinfo prints it: 12 bits major, 20 bits minor. */
#define KERNEL_MINOR_BITS 20
#define MANY_ENTRIES 64 /* below, kcmp(2) is faster */

static bool epoll_claims(const struct descriptor_view *d)
{
	return !strcmp(d->link, "anon_inode:[eventpoll]");
}

struct target { /* a line of fdinfo */
	int number;
	uint32_t events;
	uint64_t data, inode, device;
	uint32_t repeat; /* how many entries with the same number stand before it */
};

static bool next_target(const char **text, struct target *t)
{
	unsigned long long data, inode;
	unsigned int events, device;
	int number, last = t->number;
	char line[160];

	*text = strstr(*text, "tfd:");
	if (!*text)
		return false;
	/* sscanf(3) measures the whole text first, every time. */
	snprintf(line, sizeof(line), "%.*s", (int)strnlen(*text, sizeof(line) - 1), *text);
	if (sscanf(line, "tfd: %d events: %x data: %llx pos:%*d ino:%llx sdev:%x", &number, &events,
		   &data, &inode, &device) != 5)
		return false;
	*text += 4;
	t->repeat = number == last ? t->repeat + 1 : 0;
	t->number = number;
	t->events = events;
	t->data = data;
	t->inode = inode;
	t->device = makedev(device >> KERNEL_MINOR_BITS, device & ((1u << KERNEL_MINOR_BITS) - 1));
	return true;
}

/* kcmp(2): is @e open on what entry @t of the epoll @d of @process watches? */
static bool is_watched(const struct inventory_entry *e, const struct process *process,
		       const struct descriptor_view *d, const struct target *t)
{
	struct kcmp_epoll_slot slot = {
		.efd = d->number,
		.tfd = t->number,
		.toff = t->repeat,
	};

	return !syscall(SYS_kcmp, e->process->pid, process->pid, KCMP_EPOLL_TFD, e->view.number,
			&slot);
}

/* What is open under the entry's number looks like what it watches. */
static bool is_like(const struct inventory_entry *e, const struct target *t)
{
	return e && e->view.status.st_ino == t->inode && e->view.status.st_dev == t->device;
}

/* @right: it is known that the entry watches what is open under its number now. */
static uint64_t find_watched(struct capture *c, const struct descriptor_view *d,
			     const struct target *t, bool right)
{
	struct inventory *i = c->round->descriptors;
	struct inventory_entry *same = inventory_find(i, c->process, t->number), **e;
	size_t count;

	if (is_like(same, t) &&
	    (right ||
	    /* A socket has one file: no need to search the epoll's tree for it. */
	     (S_ISSOCK(same->view.status.st_mode) && !t->repeat) ||
	     is_watched(same, c->process, d, t)))
		return same->file_id;
	e = inventory_inode(i, t->device, t->inode, &count);
	for (size_t n = 0; n < count; n++)
		if (e[n] != same && is_watched(e[n], c->process, d, t))
			return e[n]->file_id;
	return 0;
}

static int compare_numbers(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/*
 * Of an epoll with many entries: the numbers that are right, ascending, in *@right, which the
 * caller frees. How many.
 */
static size_t check_entries(struct capture *c, const struct descriptor_view *d, int **right)
{
	struct target target = { .number = -1 };
	struct buffer numbers = { 0 };
	const char *text = d->fdinfo;
	size_t count, kept = 0;
	bool *found;
	int *all;

	while (next_target(&text, &target)) {
		const struct inventory_entry *e =
			inventory_find(c->round->descriptors, c->process, target.number);

		if (is_like(e, &target) && !S_ISSOCK(e->view.status.st_mode))
			buffer_append(&numbers, &target.number, sizeof(int));
	}
	*right = all = (int *)numbers.data;
	count = numbers.bytes / sizeof(int);
	found = count < MANY_ENTRIES ? NULL : calloc(count, sizeof(*found));
	if (!found || numbers.failed) {
		free(found);
		return 0;
	}
	qsort(all, count, sizeof(*all), compare_numbers);
	epoll_check(c->process, d->number, all, count, found);
	for (size_t n = 0; n < count; n++) {
		/* One that occurs twice: which of the two is it? */
		bool twice = (n && all[n - 1] == all[n]) || (n + 1 < count && all[n] == all[n + 1]);

		found[n] &= !twice;
	}
	for (size_t n = 0; n < count; n++)
		if (found[n])
			all[kept++] = all[n];
	free(found);
	return kept;
}

static int epoll_capture(struct capture *c, const struct descriptor_view *d, uint64_t file_id,
			 struct buffer *payload)
{
	struct epoll_payload r = { .bytes = sizeof(r) };
	struct target target = { .number = -1 };
	struct buffer entries = { 0 };
	const char *text = d->fdinfo;
	int *right;
	size_t right_count = check_entries(c, d, &right);

	(void)file_id;
	while (next_target(&text, &target)) {
		bool known = right_count && bsearch(&target.number, right, right_count,
						    sizeof(*right), compare_numbers);
		struct epoll_entry entry = {
			.file_id = find_watched(c, d, &target, known),
			.data = target.data,
			.events = target.events,
			.number = target.number,
		};

		if (entry.file_id) {
			buffer_append(&entries, &entry, sizeof(entry));
			r.entries++;
		}
	}
	buffer_append(payload, &r, sizeof(r));
	buffer_append(payload, entries.data, entries.bytes);
	payload->failed |= entries.failed;
	buffer_free(&entries);
	free(right);
	return 0;
}

static int epoll_restore(struct rebuilt_process *p, const struct file_record *f,
			 const void *payload, size_t bytes, int *fd)
{
	(void)p;
	(void)f;
	(void)payload;
	(void)bytes;
	*fd = epoll_create1(EPOLL_CLOEXEC);
	return *fd < 0 ? -errno : 0;
}

/* Adds @target under the number that the entry had, whatever is open there now. */
static int add_entry(struct rebuilt_process *p, int epoll, const struct epoll_entry *entry,
		     int target)
{
	struct epoll_event event = { .events = entry->events, .data.u64 = entry->data };
	int saved = -1, flags = 0, ret = 0;
	pid_t self = getpid();
	bool right;

	right = !syscall(SYS_kcmp, self, self, KCMP_FILE, entry->number, target);
	if (!right) {
		flags = fcntl(entry->number, F_GETFD);
		if (flags >= 0) {
			saved = fcntl(entry->number, F_DUPFD_CLOEXEC, p->rebuild->reserved_from);
			if (saved < 0)
				return -errno;
		}
		if (dup2(target, entry->number) < 0)
			ret = -errno;
	}
	/* Whoever else has this epoll may have added it already. */
	if (!ret && epoll_ctl(epoll, EPOLL_CTL_ADD, entry->number, &event) && errno != EEXIST)
		ret = -errno;
	if (right)
		return ret;
	if (saved >= 0) {
		dup3(saved, entry->number, flags & FD_CLOEXEC ? O_CLOEXEC : 0);
		close(saved);
	} else {
		close(entry->number);
	}
	return ret;
}

static int epoll_restore_in_owner(struct rebuilt_process *p, const struct file_record *f,
				  const void *payload, size_t bytes, int number)
{
	const struct epoll_entry *entries;
	struct epoll_payload r;
	size_t tail_bytes;

	(void)f;
	file_payload_head(payload, bytes, &r, sizeof(r));
	entries = file_payload_tail(payload, bytes, &tail_bytes);
	if (r.entries > tail_bytes / sizeof(*entries))
		r.entries = tail_bytes / sizeof(*entries);
	for (uint32_t n = 0; n < r.entries; n++) {
		struct epoll_entry entry;
		int target, ret;

		memcpy(&entry, &entries[n], sizeof(entry));
		target = rebuild_lookup(p->rebuild, entry.file_id);
		if (target < 0)
			continue; /* its holder is restored on another host, or not at all */
		ret = add_entry(p, number, &entry, target);
		if (ret)
			return fault_set(p->fault, -ret, "internal",
					 "process %d: epoll %d cannot watch descriptor %d again: %s",
					 p->image->header.virtual_pid, number, entry.number,
					 strerror(-ret));
	}
	return 0;
}

static void epoll_describe(const void *payload, size_t bytes, json_t *out)
{
	size_t length, i;
	const char *tail = file_payload_tail(payload, bytes, &length);
	json_t *watched = json_array();

	for (i = 0; i < length / sizeof(struct epoll_entry); i++) {
		struct epoll_entry e;

		memcpy(&e, tail + i * sizeof(e), sizeof(e));
		json_array_append_new(watched, json_integer(e.number));
	}
	json_object_set_new(out, "watches", watched);
}

const struct file_kind_ops epoll_kind = {
	.kind = FILE_EPOLL,
	.name = "epoll",
	.claims = epoll_claims,
	.capture = epoll_capture,
	.restore = epoll_restore,
	.restore_in_owner = epoll_restore_in_owner,
	.describe = epoll_describe,
};

/*
 * inotify: its watches. The kernel tells only inodes: paths are searched for. Events that have not
 * been read cannot be queued again: the program is told that some are lost (IN_Q_OVERFLOW), as
 * inotify(7) provides for.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../common/array.h"
#include "../engine/round.h"
#include "../restart/rebuild.h"
#include "../trace/wait.h"
#include "file_index.h"
#include "inventory.h"
#include "kinds.h"
#include "path_search.h"

struct inotify_payload {
	uint32_t bytes; /* of this struct */
	uint32_t watches;
	uint32_t unread; /* bytes of events that are lost */
	uint32_t reserved;
	/* tail: the watches */
};

/* The path follows; for a file that is open but has none, a zero byte and the id of the file. */
struct watch_head { /* part of the image format */
	int32_t number;
	uint32_t mask;
	uint32_t path_bytes;
};

#define OPEN_FILE_BYTES (1 + sizeof(uint64_t))

/* The kernel's own dev_t, as fdinfo prints it: 12 bits major, 20 bits minor. */
#define KERNEL_MINOR_BITS 20
#define HANDLE_BYTES 128 /* MAX_HANDLE_SZ */
#define SEARCH_SECONDS 20 /* for the number of a watch */
#define SEARCH_RUNNING_MS 2000u /* for paths, of a program that runs on meanwhile */
#define SEARCH_FROZEN_MS 50u	/* those of watches that are newer than that search */
#define EVENTS_AT_MOST (1u << 20) /* 16,384 are usual */

/* What a program may ask for, of what the kernel keeps. */
#define USER_MASK (IN_ALL_EVENTS | IN_EXCL_UNLINK | IN_ONESHOT)

struct watch {
	struct watch_head head;
	struct wanted_inode inode;
	uint8_t handle[HANDLE_BYTES];
	char *path;
	bool removed; /* has no path any more, but is open */
};

static bool inotify_claims(const struct descriptor_view *d)
{
	return !strcmp(d->link, "anon_inode:inotify") || !strcmp(d->link, "anon_inode:[inotify]");
}

static void read_handle(const char *line, struct watch *w)
{
	const char *hex = strstr(line, "f_handle:"), *end = strchr(line, '\n');
	unsigned int bytes, type;

	w->inode.handle = NULL;
	line = strstr(line, "fhandle-bytes:");
	if (!line || !hex || (end && hex > end) ||
	    sscanf(line, "fhandle-bytes:%x fhandle-type:%x", &bytes, &type) != 2 ||
	    bytes > sizeof(w->handle))
		return;
	hex += strlen("f_handle:");
	for (unsigned int n = 0; n < bytes; n++) {
		unsigned int byte;

		if (sscanf(hex + 2 * n, "%2x", &byte) != 1)
			return;
		w->handle[n] = byte;
	}
	w->inode.handle = w->handle;
	w->inode.handle_bytes = bytes;
	w->inode.handle_type = type;
}

/* The next line of fdinfo that is a watch. */
static bool next_watch(const char **text, struct watch *w)
{
	unsigned long long inode;
	unsigned int number, device, mask;

	*text = strstr(*text, "inotify wd:");
	if (!*text || sscanf(*text, "inotify wd:%x ino:%llx sdev:%x mask:%x", &number, &inode,
			&device,
			     &mask) != 4)
		return false;
	w->head.number = number;
	w->head.mask = mask & USER_MASK;
	w->inode.inode = inode;
	w->inode.device = makedev(device >> KERNEL_MINOR_BITS,
			device & ((1u << KERNEL_MINOR_BITS) - 1));
	read_handle(*text, w);
	*text += 1;
	return true;
}

static int refuse(pid_t pid, const struct descriptor_view *d, const struct watch *w,
		  struct fault *fault)
{
	return fault_set(fault, EOPNOTSUPP, "not-supported",
			 "process %d: descriptor %d (inotify) watches inode %llu, to which no path "
			 "could be found", pid, d->number, (unsigned long long)w->inode.inode);
}

static int compare_watches(const void *a, const void *b)
{
	const struct watch *x = a, *y = b;

	return x->head.number < y->head.number ? -1 : x->head.number > y->head.number;
}

/* In the order of their numbers, without paths. *@all is the caller's. */
static int read_watches(const struct descriptor_view *d, struct watch **all, size_t *count)
{
	const char *text = d->fdinfo;
	struct watch w = { 0 };
	size_t room = 0;

	*all = NULL;
	*count = 0;
	while (next_watch(&text, &w)) {
		struct watch *grown = array_grow(*all, *count, &room, sizeof(w));

		if (!grown) {
			free(*all);
			*all = NULL;
			return -ENOMEM;
		}
		*all = grown;
		grown[(*count)++] = w;
	}
	if (*count)
		qsort(*all, *count, sizeof(w), compare_watches);
	return 0;
}

static void free_watches(struct watch *all, size_t count)
{
	for (size_t n = 0; n < count; n++)
		free(all[n].path);
	free(all);
}

/* Marks those that process @pid has open without a name: nobody needs to search for them. */
static void mark_removed(pid_t pid, struct watch *all, size_t count)
{
	char directory[40];
	struct dirent *entry;
	struct stat there;
	DIR *d;

	snprintf(directory, sizeof(directory), "/proc/%d/fd", pid);
	d = opendir(directory);
	while (d && (entry = readdir(d))) {
		if (fstatat(dirfd(d), entry->d_name, &there, 0) || there.st_nlink)
			continue;
		for (size_t n = 0; n < count; n++)
			all[n].removed |= there.st_dev == all[n].inode.device &&
					  there.st_ino == all[n].inode.inode;
	}
	if (d)
		closedir(d);
}

/* The paths of all; what has none, and is not removed, is refused. */
static int find_paths(pid_t pid, const struct descriptor_view *d, struct watch *all, size_t count,
		      uint32_t timeout_ms, struct fault *fault)
{
	struct wanted_inode *wanted = calloc(count ? count : 1, sizeof(*wanted));
	size_t named = 0;
	int ret = 0;

	if (!wanted)
		return -ENOMEM;
	if (count)
		mark_removed(d->pid, all, count);
	for (size_t n = 0; n < count; n++) {
		if (all[n].removed)
			continue;
		wanted[named] = all[n].inode;
		if (wanted[named].handle)
			wanted[named].handle = all[n].handle; /* it has been moved */
		named++;
	}
	path_search(d->pid, wanted, named, timeout_ms);
	named = 0;
	for (size_t n = 0; n < count; n++) {
		if (all[n].removed)
			continue;
		all[n].path = wanted[named++].path;
		if (!all[n].path && !ret)
			ret = refuse(pid, d, &all[n], fault);
	}
	free(wanted);
	return ret;
}

static int inotify_check(pid_t pid, const struct descriptor_view *d, struct fault *fault)
{
	struct watch *all;
	size_t count;
	int ret = read_watches(d, &all, &count);

	if (!ret)
		ret = find_paths(pid, d, all, count, SEARCH_RUNNING_MS, fault);
	free_watches(all, count);
	return ret;
}

/* Appends @w and how a restart finds what it watches. -ENOENT: it would not. */
static int append_watch(struct capture *c, struct watch *w, struct buffer *payload)
{
	char file[OPEN_FILE_BYTES] = "";
	struct inventory_entry **open_on;
	struct stat there;
	size_t count;

	if (w->removed) {
		open_on = inventory_inode(c->round->descriptors, w->inode.device, w->inode.inode,
					  &count);
		if (!count)
			return -ENOENT;
		memcpy(file + 1, &open_on[0]->file_id, sizeof(uint64_t));
		w->head.path_bytes = sizeof(file);
	} else {
		w->head.path_bytes = strlen(w->path);
		if (!lstat(w->path, &there) && S_ISLNK(there.st_mode))
			w->head.mask |= IN_DONT_FOLLOW; /* the kernel does not keep that */
	}
	buffer_append(payload, &w->head, sizeof(w->head));
	buffer_append(payload, w->removed ? file : w->path, w->head.path_bytes);
	return 0;
}

static int inotify_capture(struct capture *c, const struct descriptor_view *d, uint64_t file_id,
			   struct buffer *payload)
{
	struct inotify_payload r = { .bytes = sizeof(r) };
	int unread = 0, ret;
	struct watch *all;
	size_t count;

	(void)file_id;
	ret = read_watches(d, &all, &count);
	if (!ret)
		ret = find_paths(c->process->virtual_pid, d, all, count, SEARCH_FROZEN_MS,
				 c->fault);
	ioctl(d->borrowed, FIONREAD, &unread);
	r.unread = unread;
	r.watches = count;
	buffer_append(payload, &r, sizeof(r));
	for (size_t n = 0; n < count && !ret; n++)
		if (append_watch(c, &all[n], payload))
			ret = refuse(c->process->virtual_pid, d, &all[n], c->fault);
	free_watches(all, count);
	return ret;
}

static int inotify_restore(struct rebuilt_process *p, const struct file_record *f,
			   const void *payload, size_t bytes, int *fd)
{
	(void)p;
	(void)payload;
	(void)bytes;
	*fd = inotify_init1(IN_CLOEXEC | (f->flags & O_NONBLOCK));
	return *fd < 0 ? -errno : 0;
}

/* Numbers are given upwards: those in between are used up. Not for ever: some have used millions. */
static int add_watch(int fd, const struct watch_head *w, const char *path)
{
	uint64_t end_ns = monotonic_ns() + SEARCH_SECONDS * 1000000000ull;

	while (monotonic_ns() < end_ns) {
		int number = inotify_add_watch(fd, path, w->mask);

		if (number < 0)
			return -errno;
		if (number == w->number)
			return 0;
		if (number > w->number)
			return -EEXIST;
		inotify_rm_watch(fd, number);
	}
	return -ETIMEDOUT;
}

/* Makes what append_watch() has written a path of the builder. */
static int find_place(struct rebuilt_process *p, char path[PATH_MAX], size_t bytes)
{
	uint64_t file;
	int fd;

	if (!bytes || path[0])
		return 0;
	if (bytes != OPEN_FILE_BYTES)
		return -EPROTO;
	memcpy(&file, path + 1, sizeof(file));
	fd = file_index_open(p, file);
	if (fd < 0)
		return fd;
	snprintf(path, PATH_MAX, "/proc/self/fd/%d", fd);
	return 0;
}

/* Everything that the restart itself has caused. */
static void discard_events(int fd)
{
	char events[4096];
	int waiting = 0;

	while (!ioctl(fd, FIONREAD, &waiting) && waiting > 0)
		if (read(fd, events, sizeof(events)) <= 0)
			break;
}

static size_t queue_length(void)
{
	FILE *file = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
	size_t events = 0;

	if (file && fscanf(file, "%zu", &events) != 1)
		events = 0;
	if (file)
		fclose(file);
	return events;
}

/* Reads @count events without a name. */
static bool skip_events(int fd, size_t count)
{
	struct inotify_event events[256];

	while (count) {
		size_t some = count < 256 ? count : 256;
		ssize_t n = read(fd, events, some * sizeof(*events));

		if (n <= 0)
			return false;
		count -= n / sizeof(*events);
	}
	return true;
}

/*
 * 1. The queue is filled with events of two files in turn: equal ones that follow each other would
 *    become one. The next one is dropped, and IN_Q_OVERFLOW queued.
 * 2. The watches of the two are taken away: a full queue takes no IN_IGNORED.
 * 3. All in front of IN_Q_OVERFLOW is read.
 */
static bool queue_overflow(int fd)
{
	char place[] = "/tmp/dmtcp-events-XXXXXX", path[sizeof(place) + 4];
	int files[2] = { -1, -1 }, watches[2] = { -1, -1 };
	size_t length = queue_length();
	bool done = length && length <= EVENTS_AT_MOST && mkdtemp(place);

	if (!done)
		return false;
	for (int n = 0; n < 2; n++) {
		snprintf(path, sizeof(path), "%s/%d", place, n);
		files[n] = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		watches[n] = inotify_add_watch(fd, path, IN_ATTRIB);
		unlink(path);
		done &= files[n] >= 0 && watches[n] >= 0;
	}
	rmdir(place);
	discard_events(fd);
	for (size_t n = 0; done && n <= length; n++)
		done = !futimens(files[n & 1], NULL);
	for (int n = 0; n < 2; n++) {
		if (watches[n] >= 0)
			inotify_rm_watch(fd, watches[n]);
		if (files[n] >= 0)
			close(files[n]);
	}
	return done && skip_events(fd, length);
}

/* After all files have been opened: that would be events. */
static int inotify_restore_last(struct rebuilt_process *p, const struct file_record *f,
				const void *payload, size_t bytes, int fd)
{
	struct inotify_payload r;
	const char *tail;
	size_t left;

	(void)f;
	file_payload_head(payload, bytes, &r, sizeof(r));
	tail = file_payload_tail(payload, bytes, &left);
	for (uint32_t n = 0; n < r.watches; n++) {
		struct watch_head w;
		char path[PATH_MAX];
		int ret;

		if (left < sizeof(w))
			return -EPROTO;
		memcpy(&w, tail, sizeof(w));
		if (w.path_bytes >= sizeof(path) || left - sizeof(w) < w.path_bytes)
			return -EPROTO;
		memcpy(path, tail + sizeof(w), w.path_bytes);
		path[w.path_bytes] = 0;
		tail += sizeof(w) + w.path_bytes;
		left -= sizeof(w) + w.path_bytes;
		ret = find_place(p, path, w.path_bytes);
		if (!ret)
			ret = add_watch(fd, &w, path);
		if (ret)
			return fault_set(p->fault, -ret, "file-missing",
					 "%s, which the program watches, cannot be watched: %s",
					 path,
					 strerror(-ret));
		discard_events(fd);
	}
	if (r.unread && !queue_overflow(fd) && p->rebuild->notes_fd >= 0)
		dprintf(p->rebuild->notes_fd,
				"dmtcp_restart: process %d: inotify events that it had not "
			"read at the checkpoint are lost\n", p->image->header.virtual_pid);
	return 0;
}

const struct file_kind_ops inotify_kind = {
	.kind = FILE_INOTIFY,
	.name = "inotify",
	.claims = inotify_claims,
	.check = inotify_check,
	.capture = inotify_capture,
	.restore = inotify_restore,
	.restore_last = inotify_restore_last,
};

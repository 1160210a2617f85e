#include "view.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../common/array.h"
#include "../common/proc.h"

#define KNOWN_DEVICES 32

struct view_walk {
	pid_t pid;
	int fd_directory, fdinfo_directory;
	int *numbers;
	size_t count, next;
	struct {
		uint64_t device;
		uint32_t filesystem;
	} known[KNOWN_DEVICES]; /* statfs once per device, not per descriptor */
	size_t known_count;
	size_t text_capacity;
	char *text;
};

static int compare_numbers(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static int list_numbers(struct view_walk *w)
{
	size_t capacity = 0;
	struct dirent *entry;
	DIR *directory;
	int fd, *more, ret = 0;

	fd = openat(w->fd_directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	directory = fdopendir(fd);
	if (!directory) {
		ret = -errno;
		close(fd);
		return ret;
	}
	while ((errno = 0, entry = readdir(directory))) {
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		more = array_grow(w->numbers, w->count, &capacity, sizeof(*more));
		if (!more) {
			ret = -ENOMEM;
			break;
		}
		w->numbers = more;
		w->numbers[w->count++] = atoi(entry->d_name);
	}
	if (!ret && errno)
		ret = -errno;
	closedir(directory);
	qsort(w->numbers, w->count, sizeof(*w->numbers), compare_numbers);
	return ret;
}

static int open_directories(struct view_walk **out, pid_t pid, pid_t tid)
{
	struct view_walk *w = calloc(1, sizeof(*w));
	char path[64];
	int ret;

	*out = NULL;
	if (!w)
		return -ENOMEM;
	w->pid = pid;
	w->fdinfo_directory = -1;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/fd", pid, tid);
	w->fd_directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (w->fd_directory < 0) {
		ret = -errno;
		goto err_close;
	}
	snprintf(path, sizeof(path), "/proc/%d/task/%d/fdinfo", pid, tid);
	w->fdinfo_directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (w->fdinfo_directory < 0) {
		ret = -errno;
		goto err_close;
	}
	*out = w;
	return 0;

err_close:
	view_walk_close(w);
	return ret;
}

int view_walk_open(struct view_walk **out, pid_t pid, pid_t tid)
{
	int ret = open_directories(out, pid, tid);

	if (!ret)
		ret = list_numbers(*out);
	if (ret) {
		view_walk_close(*out);
		*out = NULL;
	}
	return ret;
}

void view_walk_close(struct view_walk *w)
{
	if (!w)
		return;
	if (w->fd_directory >= 0)
		close(w->fd_directory);
	if (w->fdinfo_directory >= 0)
		close(w->fdinfo_directory);
	free(w->numbers);
	free(w->text);
	free(w);
}

/* The kind of file system, asked once per device. 0 where statfs(2) fails. */
static uint32_t filesystem_of(struct view_walk *w, uint64_t device, const char *name)
{
	char path[64];
	struct statfs fs;

	for (size_t i = 0; i < w->known_count; i++)
		if (w->known[i].device == device)
			return w->known[i].filesystem;
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", w->fd_directory, name);
	if (statfs(path, &fs))
		return 0;
	if (w->known_count < KNOWN_DEVICES) {
		w->known[w->known_count].device = device;
		w->known[w->known_count++].filesystem = fs.f_type;
	}
	return fs.f_type;
}

/* Whole text of fdinfo/@name in w->text: an epoll's may be long. Length or -errno. */
static ssize_t read_fdinfo(struct view_walk *w, const char *name)
{
	int fd = openat(w->fdinfo_directory, name, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	for (;;) {
		if (used + 1024 > w->text_capacity) {
			size_t capacity = w->text_capacity ? w->text_capacity * 2 : 4096;
			char *more = realloc(w->text, capacity);

			if (!more) {
				n = -ENOMEM;
				break;
			}
			w->text = more;
			w->text_capacity = capacity;
		}
		n = read(fd, w->text + used, w->text_capacity - used - 1);
		if (n < 0)
			n = -errno;
		if (n <= 0)
			break;
		used += n;
		/* Text of one piece: a read that is not full was the last (fs/seq_file.c). */
		if (used + 1 < w->text_capacity)
			break;
	}
	close(fd);
	if (n < 0)
		return n;
	w->text[used] = 0;
	return used;
}

/* Is the descriptor still the one that was looked at? Programs run on while they are checked. */
static bool is_still(struct view_walk *w, const char *name, const char *link)
{
	char now[4200];
	ssize_t n = readlinkat(w->fd_directory, name, now, sizeof(now) - 1);

	if (n < 0)
		return false;
	now[n] = 0;
	return !strcmp(now, link);
}

/* The kernel's name of it, an attribute of every socket: net/socket.c. Empty: it cannot be told. */
static void read_protocol(struct view_walk *w, const char *name, struct descriptor_view *view)
{
	char path[64];
	ssize_t bytes;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", w->fd_directory, name);
	bytes = getxattr(path, "system.sockprotoname", view->protocol, sizeof(view->protocol) - 1);
	view->protocol[bytes > 0 ? bytes : 0] = 0;
}

static int read_view(struct view_walk *w, int number, struct descriptor_view *view)
{
	char name[16], link[4200];
	ssize_t n;

	memset(view, 0, sizeof(*view));
	view->pid = w->pid;
	view->number = number;
	view->borrowed = -1;
	snprintf(name, sizeof(name), "%d", number);
	n = readlinkat(w->fd_directory, name, link, sizeof(link) - 1);
	if (n < 0)
		return -errno;
	link[n] = 0;
	if (fstatat(w->fd_directory, name, &view->status, 0))
		return -errno;
	n = read_fdinfo(w, name);
	if (n < 0)
		return n;
	view->flags = proc_field_number(w->text, "flags", 8, 0);
	view->close_on_exec = view->flags & O_CLOEXEC;
	view->flags &= ~O_CLOEXEC;
	view->position = proc_field_number(w->text, "pos", 10, 0);
	view->filesystem = filesystem_of(w, view->status.st_dev, name);
	if (S_ISSOCK(view->status.st_mode)) {
		read_protocol(w, name, view);
		if (!view->protocol[0] && !is_still(w, name, link))
			return -ENOENT; /* closed meanwhile */
	}
	view->link = strdup(link);
	view->fdinfo = strdup(w->text);
	if (!view->link || !view->fdinfo) {
		view_free(view);
		return -ENOMEM;
	}
	return 0;
}

int view_walk_next(struct view_walk *w, struct descriptor_view *view)
{
	while (w->next < w->count) {
		int ret = read_view(w, w->numbers[w->next++], view);

		if (!ret)
			return 1;
		if (ret != -ENOENT)
			return ret;
	}
	return 0;
}

int view_one(pid_t pid, int number, struct descriptor_view *view)
{
	struct view_walk *w;
	int ret = open_directories(&w, pid, pid);

	if (!ret)
		ret = read_view(w, number, view);
	view_walk_close(w);
	return ret;
}

void view_free(struct descriptor_view *view)
{
	free((char *)view->link);
	free((char *)view->fdinfo);
	view->link = view->fdinfo = NULL;
}

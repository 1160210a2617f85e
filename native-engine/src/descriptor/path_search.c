#include "path_search.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../common/array.h"
#include "../common/monotonic.h"
#include "../common/proc.h"

#define REMEMBERED 8192 /* then all are forgotten */
#define WAITING 200000	/* directories that are still to be read, at most */

struct search {
	struct wanted_inode **wanted; /* by inode, then device */
	size_t count, left;
	uint64_t end_ns;
	char **waiting; /* directories to be read */
	size_t waiting_count, waiting_room;
};

struct place {
	uint64_t device, inode;
	char *path;
};

/* Of the one thread that does ptrace. */
static struct place *places;
static size_t place_count, place_room;

static void remember(const struct wanted_inode *w)
{
	struct place *grown;

	if (place_count == REMEMBERED)
		while (place_count)
			free(places[--place_count].path);
	grown = array_grow(places, place_count, &place_room, sizeof(*places));
	if (!grown)
		return;
	places = grown;
	places[place_count] = (struct place){ w->device, w->inode, strdup(w->path) };
	place_count += places[place_count].path != NULL;
}

static int compare(const void *a, const void *b)
{
	const struct wanted_inode *x = *(struct wanted_inode *const *)a;
	const struct wanted_inode *y = *(struct wanted_inode *const *)b;

	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	return x->device < y->device ? -1 : x->device > y->device;
}

/* The first of those with this inode, or the end of the list. */
static size_t first_with(const struct search *s, uint64_t inode)
{
	size_t low = 0, high = s->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->wanted[middle]->inode < inode)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_wanted(const struct search *s, uint64_t inode)
{
	size_t i = first_with(s, inode);

	return i < s->count && s->wanted[i]->inode == inode;
}

static void look(struct search *s, const char *path)
{
	struct stat status;

	if (lstat(path, &status))
		return;
	for (size_t i = first_with(s, status.st_ino);
	     i < s->count && s->wanted[i]->inode == status.st_ino; i++) {
		struct wanted_inode *w = s->wanted[i];

		if (w->device != status.st_dev || w->path)
			continue;
		w->path = strdup(path);
		if (!w->path)
			continue;
		s->left--;
		remember(w);
	}
}

static void by_memory(struct search *s)
{
	for (size_t n = 0; s->left && n < place_count; n++) {
		if (!is_wanted(s, places[n].inode))
			continue;
		look(s, places[n].path);
	}
}

static bool is_over(const struct search *s)
{
	return !s->left || monotonic_ns() > s->end_ns;
}

/* The kernel's own way, which needs CAP_DAC_READ_SEARCH. 1: it may be used here. */
static int open_by_its_handle(struct search *s, const char *point, const struct wanted_inode *w)
{
	struct file_handle *handle = malloc(sizeof(*handle) + w->handle_bytes);
	int mount = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;
	char link[40], path[PATH_MAX];
	bool allowed = true;
	ssize_t n;

	if (handle && mount >= 0) {
		handle->handle_bytes = w->handle_bytes;
		handle->handle_type = w->handle_type;
		memcpy(handle->f_handle, w->handle, w->handle_bytes);
		fd = open_by_handle_at(mount, handle, O_PATH | O_CLOEXEC);
		allowed = fd >= 0 || errno != EPERM;
	}
	if (fd >= 0) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, path, sizeof(path) - 1);
		path[n > 0 ? n : 0] = 0;
		look(s, path);
		close(fd);
	}
	if (mount >= 0)
		close(mount);
	free(handle);
	return allowed;
}

static bool holds_wanted(const struct search *s, uint64_t device)
{
	for (size_t n = 0; n < s->count; n++)
		if (!s->wanted[n]->path && s->wanted[n]->device == device)
			return true;
	return false;
}

static void await_reading(struct search *s, const char *directory)
{
	char **grown;

	if (s->waiting_count == WAITING)
		return;
	grown = array_grow(s->waiting, s->waiting_count, &s->waiting_room, sizeof(*s->waiting));
	if (!grown)
		return;
	s->waiting = grown;
	s->waiting[s->waiting_count] = strdup(directory);
	s->waiting_count += s->waiting[s->waiting_count] != NULL;
}

/* Every mount of a file system that has some of them: tells @act its directory. */
static void for_mounts(struct search *s, void (*act)(struct search *, const char *, uint64_t))
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, point[PATH_MAX];
	unsigned int major_number, minor_number;
	size_t capacity = 0;

	while (mounts && !is_over(s) && getline(&line, &capacity, mounts) > 0)
		if (sscanf(line, "%*d %*d %u:%u %*s %4095s", &major_number, &minor_number,
			   point) == 3 &&
		    holds_wanted(s, makedev(major_number, minor_number)))
			act(s, point, makedev(major_number, minor_number));
	free(line);
	if (mounts)
		fclose(mounts);
}

static void by_handles(struct search *s, const char *point, uint64_t device)
{
	bool allowed = true;

	for (size_t n = 0; allowed && n < s->count && !is_over(s); n++) {
		const struct wanted_inode *w = s->wanted[n];

		if (!w->path && w->handle && w->device == device)
			allowed = open_by_its_handle(s, point, w);
	}
}

static void await_mount(struct search *s, const char *point, uint64_t device)
{
	(void)device;
	await_reading(s, point);
}

static void by_descriptors(struct search *s, pid_t pid)
{
	char directory[40], link[PATH_MAX], *slash;
	struct dirent *entry;
	DIR *d;

	snprintf(directory, sizeof(directory), "/proc/%d/fd", pid);
	d = opendir(directory);
	while (d && !is_over(s) && (entry = readdir(d))) {
		ssize_t n = readlinkat(dirfd(d), entry->d_name, link, sizeof(link) - 1);

		if (n <= 0 || link[0] != '/')
			continue;
		link[n] = 0;
		look(s, link);
		slash = strrchr(link, '/');
		if (slash != link) {
			*slash = 0;
			look(s, link);
		}
	}
	if (d)
		closedir(d);
}

/* A directory and those it is in. */
static void by_ancestors(struct search *s, const char *directory)
{
	char path[PATH_MAX], *slash;

	snprintf(path, sizeof(path), "%s", directory);
	while ((slash = strrchr(path, '/'))) {
		look(s, path);
		*slash = 0;
	}
	look(s, "/");
}

/* Every word of the command line as a path, absolute or from @cwd. */
static void await_arguments(struct search *s, pid_t pid, const char *cwd)
{
	char *words, path[PATH_MAX];
	size_t bytes, n = 0;

	if (proc_read_text(pid, "cmdline", &words, &bytes))
		return;
	while (n < bytes) {
		if (words[n] == '/')
			snprintf(path, sizeof(path), "%s", words + n);
		else
			snprintf(path, sizeof(path), "%s/%s", cwd, words + n);
		look(s, path);
		await_reading(s, path);
		n += strlen(words + n) + 1;
	}
	free(words);
}

static void await_home(struct search *s, pid_t pid)
{
	char *words;
	size_t bytes;

	if (proc_read_text(pid, "environ", &words, &bytes))
		return;
	for (size_t n = 0; n < bytes; n += strlen(words + n) + 1)
		if (!strncmp(words + n, "HOME=/", 6))
			await_reading(s, words + n + 5);
	free(words);
}

/* Looks at what is in it; its directories come last in the list. */
static void read_directory(struct search *s, const char *directory, bool any_device)
{
	struct stat status;
	struct dirent *entry;
	char path[PATH_MAX];
	int bytes;
	DIR *d = opendir(directory);

	if (d && !any_device && (fstat(dirfd(d), &status) || !holds_wanted(s, status.st_dev))) {
		closedir(d); /* /proc, and file systems that have none of them */
		return;
	}
	while (d && s->left && (entry = readdir(d))) {
		bool wanted = is_wanted(s, entry->d_ino);

		if ((!wanted && entry->d_type != DT_DIR) || !strcmp(entry->d_name, ".") ||
		    !strcmp(entry->d_name, ".."))
			continue;
		bytes = snprintf(path, sizeof(path), "%s/%s",
				 strcmp(directory, "/") ? directory : "", entry->d_name);
		if (bytes >= (int)sizeof(path))
			continue;
		if (wanted)
			look(s, path);
		if (entry->d_type == DT_DIR)
			await_reading(s, path);
	}
	if (d)
		closedir(d);
}

/* What is nearest to the top comes first. Ends with an empty list. */
static void read_waiting(struct search *s)
{
	size_t roots = s->waiting_count, n = 0;

	for (; n < s->waiting_count && !is_over(s); n++)
		read_directory(s, s->waiting[n], n < roots);
	while (s->waiting_count)
		free(s->waiting[--s->waiting_count]);
}

static void search(struct search *s, pid_t pid)
{
	char cwd[PATH_MAX];

	by_memory(s);
	for_mounts(s, by_handles);
	if (is_over(s))
		return;
	if (proc_read_link(pid, "cwd", cwd, sizeof(cwd)) < 0)
		cwd[0] = 0;
	by_descriptors(s, pid);
	by_ancestors(s, cwd);
	await_arguments(s, pid, cwd);
	await_reading(s, cwd);
	await_home(s, pid);
	read_waiting(s);
	for_mounts(s, await_mount);
	read_waiting(s);
}

void path_search(pid_t pid, struct wanted_inode *wanted, size_t count, uint32_t timeout_ms)
{
	struct search s = { .end_ns = monotonic_ns() + timeout_ms * 1000000ull };

	s.wanted = malloc((count ? count : 1) * sizeof(*s.wanted));
	if (!s.wanted)
		return;
	for (size_t n = 0; n < count; n++)
		if (!wanted[n].path)
			s.wanted[s.count++] = &wanted[n];
	s.left = s.count;
	qsort(s.wanted, s.count, sizeof(*s.wanted), compare);
	if (s.left)
		search(&s, pid);
	free(s.waiting);
	free(s.wanted);
}

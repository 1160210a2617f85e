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

#include "../common/proc.h"

#define LOOKS 20000 /* about 50 ms */
#define AROUND_DEPTH 3
#define COMMON_DEPTH 2

struct search {
	const struct wanted_inode *wanted;
	char *path;
	size_t capacity;
	unsigned int looks;
};

/* 1: it is that. */
static int look(struct search *s, const char *path)
{
	struct stat status;

	s->looks++;
	if (lstat(path, &status) || status.st_ino != s->wanted->inode ||
	    status.st_dev != s->wanted->device)
		return 0;
	snprintf(s->path, s->capacity, "%s", path);
	return 1;
}

/* @directory and what is in it, @depth levels deep. Stays on the file system of the wanted one. */
static int look_below(struct search *s, const char *directory, int depth)
{
	struct dirent *entry;
	int found = look(s, directory);
	DIR *d;

	if (found || !depth || s->looks > LOOKS)
		return found;
	d = opendir(directory);
	if (!d)
		return 0;
	while (!found && s->looks <= LOOKS && (entry = readdir(d))) {
		char path[PATH_MAX];
		int bytes;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		bytes = snprintf(path, sizeof(path), "%s/%s",
				 strcmp(directory, "/") ? directory : "",
				 entry->d_name);
		if (bytes >= (int)sizeof(path))
			continue;
		if (entry->d_ino == s->wanted->inode)
			found = look(s, path);
		if (!found && entry->d_type == DT_DIR)
			found = look_below(s, path, depth - 1);
	}
	closedir(d);
	return found;
}

/* The kernel's own way, which needs CAP_DAC_READ_SEARCH. */
static int by_handle(struct search *s)
{
	const struct wanted_inode *w = s->wanted;
	char *line = NULL, link[40];
	struct file_handle *handle;
	size_t capacity = 0;
	int found = 0;
	FILE *mounts;

	if (!w->handle || !w->handle_bytes)
		return 0;
	handle = malloc(sizeof(*handle) + w->handle_bytes);
	mounts = fopen("/proc/self/mountinfo", "re");
	if (!handle || !mounts)
		goto out;
	handle->handle_bytes = w->handle_bytes;
	handle->handle_type = w->handle_type;
	memcpy(handle->f_handle, w->handle, w->handle_bytes);
	while (!found && getline(&line, &capacity, mounts) > 0) {
		unsigned int major_number, minor_number;
		char point[PATH_MAX];
		int mount, fd;
		ssize_t n;

		if (sscanf(line, "%*d %*d %u:%u %*s %4095s", &major_number, &minor_number,
			   point) != 3 ||
		    makedev(major_number, minor_number) != w->device)
			continue;
		mount = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		fd = mount < 0 ? -1 : open_by_handle_at(mount, handle, O_PATH | O_CLOEXEC);
		if (fd >= 0) {
			snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
			n = readlink(link, point, sizeof(point) - 1);
			point[n > 0 ? n : 0] = 0;
			found = n > 0 && look(s, point);
			close(fd);
		}
		if (mount >= 0)
			close(mount);
	}
out:
	if (mounts)
		fclose(mounts);
	free(handle);
	free(line);
	return found;
}

/* Every word of the command line as a path, absolute or from @cwd. */
static int by_arguments(struct search *s, pid_t pid, const char *cwd)
{
	char *words, path[PATH_MAX];
	size_t bytes, n = 0;
	int found = 0;

	if (proc_read_text(pid, "cmdline", &words, &bytes))
		return 0;
	while (!found && n < bytes) {
		if (words[n] == '/')
			snprintf(path, sizeof(path), "%s", words + n);
		else
			snprintf(path, sizeof(path), "%s/%s", cwd, words + n);
		found = look_below(s, path, 1);
		n += strlen(words + n) + 1;
	}
	free(words);
	return found;
}

static int by_descriptors(struct search *s, pid_t pid)
{
	char directory[40], link[PATH_MAX], *slash;
	struct dirent *entry;
	int found = 0;
	DIR *d;

	snprintf(directory, sizeof(directory), "/proc/%d/fd", pid);
	d = opendir(directory);
	while (d && !found && s->looks <= LOOKS && (entry = readdir(d))) {
		ssize_t n = readlinkat(dirfd(d), entry->d_name, link, sizeof(link) - 1);

		if (n <= 0 || link[0] != '/')
			continue;
		link[n] = 0;
		found = look(s, link);
		slash = strrchr(link, '/');
		if (!found && slash != link) {
			*slash = 0;
			found = look(s, link);
		}
	}
	if (d)
		closedir(d);
	return found;
}

/* A directory and those it is in. */
static int by_ancestors(struct search *s, const char *directory)
{
	char path[PATH_MAX], *slash;

	snprintf(path, sizeof(path), "%s", directory);
	while ((slash = strrchr(path, '/'))) {
		if (look(s, path))
			return 1;
		*slash = 0;
	}
	return look(s, "/");
}

int path_search(pid_t pid, const struct wanted_inode *wanted, char *path, size_t capacity)
{
	static const char *const common[] = { "/etc", "/tmp", "/home", "/run", "/var", "/dev",
			"/usr" };
	struct search s = { .wanted = wanted, .path = path, .capacity = capacity };
	char cwd[PATH_MAX];
	int found;

	if (proc_read_link(pid, "cwd", cwd, sizeof(cwd)) < 0)
		cwd[0] = 0;
	found = by_handle(&s) || by_descriptors(&s, pid) || by_ancestors(&s, cwd) ||
		by_arguments(&s, pid, cwd) || look_below(&s, cwd, AROUND_DEPTH);
	for (size_t n = 0; !found && n < sizeof(common) / sizeof(*common); n++)
		found = look_below(&s, common[n], COMMON_DEPTH);
	return found ? 0 : -ENOENT;
}

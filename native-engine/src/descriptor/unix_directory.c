#include "unix_directory.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../common/proc.h"

#define MEMBERS 64 /* whose directories are looked at */
#define DEPTH 2
#define LOOKS 1000 /* some 3 ms */
#define KERNEL_MINOR_BITS 20 /* of udiag_vfs_dev: MKDEV of linux/kdev_t.h */

#ifndef SIOCUNIXFILE
#define SIOCUNIXFILE 0x89e0 /* linux/un.h, Linux 4.16 */
#endif

struct search {
	const struct unix_info *socket;
	char name[UNIX_NAME_BYTES + 1];
	char *found;
	unsigned int looks; /* downwards */
};

static bool look(struct search *s, const char *directory)
{
	const uint32_t device = s->socket->file_device;
	char path[PATH_MAX + UNIX_NAME_BYTES + 2];
	struct stat status;

	snprintf(path, sizeof(path), "%s/%s", directory, s->name);
	if (directory[0] != '/' || stat(path, &status) ||
	    (uint32_t)status.st_ino != s->socket->file_inode ||
	    major(status.st_dev) != device >> KERNEL_MINOR_BITS ||
	    minor(status.st_dev) != (device & ((1u << KERNEL_MINOR_BITS) - 1)))
		return false;
	snprintf(s->found, PATH_MAX, "%s", directory);
	return true;
}

/* @directory and those that it is in. */
static bool look_up(struct search *s, const char *directory)
{
	char path[PATH_MAX], *slash;

	snprintf(path, sizeof(path), "%s", directory);
	while (path[0] == '/' && path[1]) {
		if (look(s, path))
			return true;
		slash = strrchr(path, '/');
		*slash = 0;
	}
	return look(s, "/");
}

/* The kernel says where the file is, to those who have CAP_NET_ADMIN. */
static bool ask_kernel(struct search *s, int fd)
{
	int file = fd < 0 ? -1 : ioctl(fd, SIOCUNIXFILE);
	char link[32], path[PATH_MAX];
	size_t name = strlen(s->name);
	ssize_t n;

	if (file < 0)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
	n = readlink(link, path, sizeof(path) - 1);
	close(file);
	path[n > 0 ? n : 0] = 0;
	if (n < (ssize_t)name + 1 || strcmp(path + n - name, s->name) || path[n - name - 1] != '/')
		return false; /* the name has links or dots in it */
	path[n == (ssize_t)name + 1 ? 1 : n - name - 1] = 0;
	return look(s, path);
}

/* What is in @directory, @depth levels deep. */
static bool look_down(struct search *s, const char *directory, int depth)
{
	struct dirent *entry;
	bool found = false;
	DIR *d = depth ? opendir(directory) : NULL;

	while (d && !found && s->looks < LOOKS && (entry = readdir(d))) {
		char path[PATH_MAX];

		if (entry->d_type != DT_DIR || !strcmp(entry->d_name, ".") ||
		    !strcmp(entry->d_name, "..") ||
		    snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name) >=
			    (int)sizeof(path))
			continue;
		s->looks++;
		found = look(s, path) || look_down(s, path, depth - 1);
	}
	if (d)
		closedir(d);
	return found;
}

/* Where its program was started, and where the one that started it was before that. */
static bool by_environment(struct search *s, pid_t pid)
{
	static const char *const names[] = { "PWD=", "OLDPWD=", "HOME=" };
	size_t bytes, n = 0;
	bool found = false;
	char *words;

	if (proc_read_text(pid, "environ", &words, &bytes))
		return false;
	while (!found && n < bytes) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !found; i++)
			if (!strncmp(words + n, names[i], strlen(names[i])))
				found = look_up(s, words + n + strlen(names[i])) ||
					look_down(s, words + n + strlen(names[i]), DEPTH);
		n += strlen(words + n) + 1;
	}
	free(words);
	return found;
}

bool unix_find_directory(struct round *r, pid_t pid, int fd, const struct unix_info *s,
			 char directory[PATH_MAX])
{
	struct search search = { .socket = s, .found = directory };
	char present[PATH_MAX], cwd[PATH_MAX];
	bool found;

	memcpy(search.name, s->name, s->name_bytes);
	if (proc_read_link(pid, "cwd", present, sizeof(present)) < 0)
		present[0] = 0;
	found = look_up(&search, present) || ask_kernel(&search, fd) ||
		by_environment(&search, pid);
	for (size_t n = 0; !found && n < r->member_count && n < MEMBERS; n++)
		found = r->members[n]->pid != pid &&
			proc_read_link(r->members[n]->pid, "cwd", cwd, sizeof(cwd)) > 0 &&
			look_up(&search, cwd);
	if (!found)
		snprintf(directory, PATH_MAX, "%s", present);
	return found;
}

/*
 * Calls that are given a name of a file: path virtualisation (--pathvirt, DMTCP_PATH_MAPPING) and the
 * events VIRTUAL_TO_REAL_PATH and REAL_TO_VIRTUAL_PATH. Those that open one: descriptors.c.
 */
#include "paths.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#include "../preload/for_wrappers.h"

/* `TYPE NAME(PARAMETERS)` that passes @path on as it really is. */
#define ON_PATH(type, name, parameters, ...)                                       \
	type name parameters                                                       \
	{                                                                          \
		PATH_ROOM(room);                                                   \
                                                                                   \
		path = REAL_PATH(path, room);                                      \
		return NEXT_FNC(name)(__VA_ARGS__);                                \
	}

/* The same with two of them. */
#define ON_PATHS(type, name, parameters, ...)                                      \
	type name parameters                                                       \
	{                                                                          \
		PATH_ROOM(room);                                                   \
		PATH_ROOM(other_room);                                             \
                                                                                   \
		path = REAL_PATH(path, room);                                      \
		other = REAL_PATH(other, other_room);                              \
		return NEXT_FNC(name)(__VA_ARGS__);                                \
	}

/* What programs made for older C libraries call instead of stat(2) and its kin. */
int __xstat(int version, const char *path, struct stat *status);
int __lxstat(int version, const char *path, struct stat *status);
int __xstat64(int version, const char *path, struct stat64 *status);
int __lxstat64(int version, const char *path, struct stat64 *status);

ON_PATH(int, stat, (const char *path, struct stat *status), path, status)
ON_PATH(int, lstat, (const char *path, struct stat *status), path, status)
ON_PATH(int, stat64, (const char *path, struct stat64 *status), path, status)
ON_PATH(int, lstat64, (const char *path, struct stat64 *status), path, status)
ON_PATH(int, __xstat, (int version, const char *path, struct stat *status), version, path, status)
ON_PATH(int, __lxstat, (int version, const char *path, struct stat *status), version, path, status)
ON_PATH(int, __xstat64, (int version, const char *path, struct stat64 *status), version, path, status)
ON_PATH(int, __lxstat64, (int version, const char *path, struct stat64 *status), version, path,
	status)
ON_PATH(int, fstatat, (int directory, const char *path, struct stat *status, int flags), directory,
	path, status, flags)
ON_PATH(int, fstatat64, (int directory, const char *path, struct stat64 *status, int flags), directory,
	path, status, flags)
ON_PATH(int, statx, (int directory, const char *path, int flags, unsigned int mask,
		     struct statx *status), directory, path, flags, mask, status)
ON_PATH(int, statfs, (const char *path, struct statfs *status), path, status)
ON_PATH(int, statfs64, (const char *path, struct statfs64 *status), path, status)
ON_PATH(int, statvfs, (const char *path, struct statvfs *status), path, status)
ON_PATH(int, statvfs64, (const char *path, struct statvfs64 *status), path, status)

ON_PATH(int, access, (const char *path, int mode), path, mode)
ON_PATH(int, euidaccess, (const char *path, int mode), path, mode)
ON_PATH(int, eaccess, (const char *path, int mode), path, mode)
ON_PATH(int, faccessat, (int directory, const char *path, int mode, int flags), directory, path, mode,
	flags)
ON_PATH(int, chdir, (const char *path), path)
ON_PATH(DIR *, opendir, (const char *path), path)
ON_PATH(long, pathconf, (const char *path, int name), path, name)
ON_PATH(key_t, ftok, (const char *path, int number), path, number)
ON_PATH(int, inotify_add_watch, (int fd, const char *path, uint32_t mask), fd, path, mask)

ON_PATH(int, chmod, (const char *path, mode_t mode), path, mode)
ON_PATH(int, fchmodat, (int directory, const char *path, mode_t mode, int flags), directory, path, mode,
	flags)
ON_PATH(int, chown, (const char *path, uid_t user, gid_t group), path, user, group)
ON_PATH(int, lchown, (const char *path, uid_t user, gid_t group), path, user, group)
ON_PATH(int, fchownat, (int directory, const char *path, uid_t user, gid_t group, int flags), directory,
	path, user, group, flags)
ON_PATH(int, truncate, (const char *path, off_t length), path, length)
ON_PATH(int, truncate64, (const char *path, off64_t length), path, length)
ON_PATH(int, futimesat, (int directory, const char *path, const struct timeval times[2]), directory,
	path, times)
ON_PATH(int, utime, (const char *path, const struct utimbuf *times), path, times)
ON_PATH(int, utimes, (const char *path, const struct timeval times[2]), path, times)
ON_PATH(int, lutimes, (const char *path, const struct timeval times[2]), path, times)
ON_PATH(int, utimensat, (int directory, const char *path, const struct timespec times[2], int flags),
	directory, path, times, flags)

ON_PATH(int, mkdir, (const char *path, mode_t mode), path, mode)
ON_PATH(int, mkdirat, (int directory, const char *path, mode_t mode), directory, path, mode)
ON_PATH(int, mkfifo, (const char *path, mode_t mode), path, mode)
ON_PATH(int, mkfifoat, (int directory, const char *path, mode_t mode), directory, path, mode)
ON_PATH(int, mknod, (const char *path, mode_t mode, dev_t device), path, mode, device)
ON_PATH(int, mknodat, (int directory, const char *path, mode_t mode, dev_t device), directory, path,
	mode, device)
ON_PATH(int, rmdir, (const char *path), path)
ON_PATH(int, unlink, (const char *path), path)
ON_PATH(int, unlinkat, (int directory, const char *path, int flags), directory, path, flags)
ON_PATH(int, remove, (const char *path), path)
ON_PATHS(int, rename, (const char *path, const char *other), path, other)
ON_PATHS(int, renameat, (int from, const char *path, int to, const char *other), from, path, to, other)
ON_PATHS(int, renameat2, (int from, const char *path, int to, const char *other, unsigned int flags),
	 from, path, to, other, flags)
ON_PATHS(int, link, (const char *path, const char *other), path, other)
ON_PATHS(int, linkat, (int from, const char *path, int to, const char *other, int flags), from, path,
	 to, other, flags)
/* What the link says is read by the kernel: it says where the file is. */
ON_PATHS(int, symlink, (const char *path, const char *other), path, other)
ON_PATHS(int, symlinkat, (const char *path, int directory, const char *other), path, directory, other)

ON_PATH(ssize_t, getxattr, (const char *path, const char *name, void *value, size_t bytes), path, name,
	value, bytes)
ON_PATH(ssize_t, lgetxattr, (const char *path, const char *name, void *value, size_t bytes), path, name,
	value, bytes)
ON_PATH(int, setxattr, (const char *path, const char *name, const void *value, size_t bytes, int flags),
	path, name, value, bytes, flags)
ON_PATH(int, lsetxattr, (const char *path, const char *name, const void *value, size_t bytes, int flags),
	path, name, value, bytes, flags)
ON_PATH(ssize_t, listxattr, (const char *path, char *list, size_t bytes), path, list, bytes)
ON_PATH(ssize_t, llistxattr, (const char *path, char *list, size_t bytes), path, list, bytes)
ON_PATH(int, removexattr, (const char *path, const char *name), path, name)
ON_PATH(int, lremovexattr, (const char *path, const char *name), path, name)

ON_PATH(int, posix_spawn_file_actions_addopen, (posix_spawn_file_actions_t *actions, int fd,
	const char *path, int flags, mode_t mode), actions, fd, path, flags, mode)
ON_PATH(int, posix_spawn_file_actions_addchdir_np, (posix_spawn_file_actions_t *actions,
	const char *path), actions, path)

/* ---- answers ---- */

/*
 * What the kernel has answered into @answer (PATH_MAX bytes), as the program names it; @bytes: of the
 * answer, -1: an error.
 */
static ssize_t answered(char *answer, ssize_t bytes, char *out, size_t room)
{
	if (bytes < 0)
		return bytes;
	if (bytes > 0 && bytes < PATH_MAX) {
		answer[bytes] = 0;
		dmtcp_internal_virtual_path(answer);
		bytes = strlen(answer);
	}
	if ((size_t)bytes > room)
		bytes = room;
	memcpy(out, answer, bytes);
	return bytes;
}

/* Room for an answer; without a mapping, or without memory, the C library answers itself. */
static char *answer_room(void)
{
	return dmtcp_internal_translates() ? path_room_take() : NULL;
}

ssize_t readlink(const char *path, char *out, size_t bytes)
{
	PATH_ROOM(room);
	PATH_ROOM(answer);

	path = REAL_PATH(path, room);
	answer = bytes ? answer_room() : NULL; /* no room for an answer: EINVAL */
	if (!answer)
		return NEXT_FNC(readlink)(path, out, bytes);
	return answered(answer, NEXT_FNC(readlink)(path, answer, PATH_MAX), out, bytes);
}

ssize_t readlinkat(int directory, const char *path, char *out, size_t bytes)
{
	PATH_ROOM(room);
	PATH_ROOM(answer);

	path = REAL_PATH(path, room);
	answer = bytes ? answer_room() : NULL; /* no room for an answer: EINVAL */
	if (!answer)
		return NEXT_FNC(readlinkat)(directory, path, out, bytes);
	return answered(answer, NEXT_FNC(readlinkat)(directory, path, answer, PATH_MAX), out, bytes);
}

/* @path is PATH_MAX bytes of ours; @out may be NULL: then memory of malloc(3). */
static char *give(char *path, char *out, size_t bytes)
{
	size_t needed = strlen(path) + 1;

	if (!out)
		out = malloc(bytes > needed ? bytes : needed);
	else if (bytes < needed) {
		errno = ERANGE;
		return NULL;
	}
	return out ? strcpy(out, path) : NULL;
}

char *getcwd(char *out, size_t bytes)
{
	PATH_ROOM(path);

	path = answer_room();
	if (!path)
		return NEXT_FNC(getcwd)(out, bytes);
	if (out && !bytes) {
		errno = EINVAL;
		return NULL;
	}
	if (!NEXT_FNC(getcwd)(path, PATH_MAX))
		return NULL;
	dmtcp_internal_virtual_path(path);
	if (!out && bytes && bytes <= strlen(path)) {
		errno = ERANGE;
		return NULL;
	}
	return give(path, out, bytes);
}

char *get_current_dir_name(void)
{
	return getcwd(NULL, 0);
}

char *realpath(const char *path, char *out)
{
	PATH_ROOM(room);
	PATH_ROOM(resolved);

	path = REAL_PATH(path, room);
	resolved = answer_room();
	if (!resolved)
		return NEXT_FNC(realpath)(path, out);
	if (!NEXT_FNC(realpath)(path, resolved))
		return NULL;
	dmtcp_internal_virtual_path(resolved);
	return give(resolved, out, PATH_MAX);
}

char *canonicalize_file_name(const char *path)
{
	return realpath(path, NULL);
}

/*
 * What -D_FORTIFY_SOURCE makes of them; @out_bytes: of the array. The C library's own end the program
 * where it is too small.
 */
ssize_t __readlink_chk(const char *path, char *out, size_t bytes, size_t out_bytes);
ssize_t __readlinkat_chk(int directory, const char *path, char *out, size_t bytes, size_t out_bytes);
char *__getcwd_chk(char *out, size_t bytes, size_t out_bytes);
char *__realpath_chk(const char *path, char *out, size_t out_bytes);

ssize_t __readlink_chk(const char *path, char *out, size_t bytes, size_t out_bytes)
{
	if (bytes > out_bytes)
		return NEXT_FNC(__readlink_chk)(path, out, bytes, out_bytes);
	return readlink(path, out, bytes);
}

ssize_t __readlinkat_chk(int directory, const char *path, char *out, size_t bytes, size_t out_bytes)
{
	if (bytes > out_bytes)
		return NEXT_FNC(__readlinkat_chk)(directory, path, out, bytes, out_bytes);
	return readlinkat(directory, path, out, bytes);
}

char *__getcwd_chk(char *out, size_t bytes, size_t out_bytes)
{
	if (bytes > out_bytes)
		return NEXT_FNC(__getcwd_chk)(out, bytes, out_bytes);
	return getcwd(out, bytes);
}

char *__realpath_chk(const char *path, char *out, size_t out_bytes)
{
	if (out && out_bytes < PATH_MAX)
		return NEXT_FNC(__realpath_chk)(path, out, out_bytes);
	return realpath(path, out);
}

/* ---- names that are made up ---- */

/* The six characters in front of @suffix_bytes are the only ones that have changed. */
static void take_name(char *name, const char *made, int suffix_bytes)
{
	size_t bytes = strlen(name), made_bytes = strlen(made), tail = suffix_bytes + 6;

	if (made != name && tail <= bytes && tail <= made_bytes)
		memcpy(name + bytes - tail, made + made_bytes - tail, tail);
}

#define MAKE_FILE(name, parameters, suffix_bytes, ...)               \
	int name parameters                                          \
	{                                                            \
		PATH_ROOM(room);                                     \
		char *given = path;                                  \
		int fd;                                              \
                                                                     \
		path = (char *)REAL_PATH(path, room);                \
		fd = NEXT_FNC(name)(__VA_ARGS__);                    \
		take_name(given, path, suffix_bytes);                \
		return fd;                                           \
	}

MAKE_FILE(mkstemp, (char *path), 0, path)
MAKE_FILE(mkstemp64, (char *path), 0, path)
MAKE_FILE(mkostemp, (char *path, int flags), 0, path, flags)
MAKE_FILE(mkostemp64, (char *path, int flags), 0, path, flags)
MAKE_FILE(mkstemps, (char *path, int suffix), suffix, path, suffix)
MAKE_FILE(mkostemps, (char *path, int suffix, int flags), suffix, path, suffix, flags)

MAKE_FILE(mkstemps64, (char *path, int suffix), suffix, path, suffix)
MAKE_FILE(mkostemps64, (char *path, int suffix, int flags), suffix, path, suffix, flags)

char *mkdtemp(char *path)
{
	PATH_ROOM(room);
	char *real = (char *)REAL_PATH(path, room);

	if (!NEXT_FNC(mkdtemp)(real))
		return NULL;
	take_name(path, real, 0);
	return path;
}

/* OPEN_FD, REOPEN_FD, CLOSE_FD and DUP_FD: what the program does with its descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "paths.h"

static int opened(int fd, const char *path, int flags, mode_t mode)
{
	DmtcpEventData_t data = { .openFd = { fd, path, flags, mode } };

	if (fd >= 0)
		dmtcp_internal_raise(DMTCP_EVENT_OPEN_FD, &data);
	return fd;
}

static void closed(int fd)
{
	DmtcpEventData_t data = { .closeFd = { fd } };

	dmtcp_internal_raise(DMTCP_EVENT_CLOSE_FD, &data);
}

static int duplicated(int old_fd, int new_fd)
{
	DmtcpEventData_t data = { .dupFd = { old_fd, new_fd } };

	if (new_fd >= 0)
		dmtcp_internal_raise(DMTCP_EVENT_DUP_FD, &data);
	return new_fd;
}

/* The mode is there only if a file may be made. */
#define READ_MODE(flags, mode)                                     \
	do {                                                       \
		if ((flags) & O_CREAT || ((flags) & O_TMPFILE) == O_TMPFILE) { \
			va_list arguments;                         \
			va_start(arguments, flags);                \
			mode = va_arg(arguments, mode_t);          \
			va_end(arguments);                         \
		}                                                  \
	} while (0)

#define OPEN(name)                                                                         \
	int name(const char *path, int flags, ...)                                         \
	{                                                                                  \
		PATH_ROOM(room);                                                           \
		const char *real = REAL_PATH(path, room);                                  \
		mode_t mode = 0;                                                           \
                                                                                           \
		READ_MODE(flags, mode);                                                    \
		return opened(NEXT_FNC(name)(real, flags, mode), path, flags, mode);       \
	}

OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                       \
	int name(int directory, const char *path, int flags, ...)                          \
	{                                                                                  \
		PATH_ROOM(room);                                                           \
		const char *real = REAL_PATH(path, room);                                  \
		mode_t mode = 0;                                                           \
                                                                                           \
		READ_MODE(flags, mode);                                                    \
		return opened(NEXT_FNC(name)(directory, real, flags, mode), path, flags, mode); \
	}

OPENAT(openat)
OPENAT(openat64)

/* What -D_FORTIFY_SOURCE makes of them. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int directory, const char *path, int flags);
int __openat64_2(int directory, const char *path, int flags);

int __open_2(const char *path, int flags)
{
	return open(path, flags, 0);
}

int __open64_2(const char *path, int flags)
{
	return open64(path, flags, 0);
}

int __openat_2(int directory, const char *path, int flags)
{
	return openat(directory, path, flags, 0);
}

int __openat64_2(int directory, const char *path, int flags)
{
	return openat64(directory, path, flags, 0);
}

#define CREAT(name)                                                                        \
	int name(const char *path, mode_t mode)                                            \
	{                                                                                  \
		PATH_ROOM(room);                                                           \
                                                                                           \
		return opened(NEXT_FNC(name)(REAL_PATH(path, room), mode), path,           \
			      O_CREAT | O_WRONLY | O_TRUNC, mode);                         \
	}

CREAT(creat)
CREAT(creat64)

#define FOPEN(name)                                                                        \
	FILE *name(const char *path, const char *mode)                                     \
	{                                                                                  \
		PATH_ROOM(room);                                                           \
		FILE *file = NEXT_FNC(name)(REAL_PATH(path, room), mode);                  \
                                                                                           \
		if (file)                                                                  \
			opened(fileno(file), path, fcntl(fileno(file), F_GETFL), 0666);    \
		return file;                                                               \
	}

FOPEN(fopen)
FOPEN(fopen64)

static FILE *reopened(FILE *file, const char *path)
{
	DmtcpEventData_t data;

	if (file && path) {
		data.reopenFd.fd = fileno(file);
		data.reopenFd.path = path;
		data.reopenFd.flags = fcntl(fileno(file), F_GETFL);
		dmtcp_internal_raise(DMTCP_EVENT_REOPEN_FD, &data);
	}
	return file;
}

FILE *freopen(const char *path, const char *mode, FILE *stream)
{
	PATH_ROOM(room);

	return reopened(NEXT_FNC(freopen)(REAL_PATH(path, room), mode, stream), path);
}

FILE *freopen64(const char *path, const char *mode, FILE *stream)
{
	PATH_ROOM(room);

	return reopened(NEXT_FNC(freopen64)(REAL_PATH(path, room), mode, stream), path);
}

int close(int fd)
{
	int ret;

	if (dmtcp_is_protected_fd(fd)) { /* it was never the program's */
		errno = EBADF;
		return -1;
	}
	ret = NEXT_FNC(close)(fd);
	if (!ret)
		closed(fd);
	return ret;
}

/* A program that closes all that it has not opened itself: ours stay. */
int close_range(unsigned int first, unsigned int last, int flags)
{
	for (int own; first <= last; first = own + 1u) {
		own = first > INT_MAX ? -1 : dmtcp_internal_next_protected(first);
		if (own < 0 || (unsigned int)own > last)
			return NEXT_FNC(close_range)(first, last, flags);
		if ((unsigned int)own > first && NEXT_FNC(close_range)(first, own - 1, flags))
			return -1;
	}
	return 0;
}

void closefrom(int first)
{
	if (close_range(first < 0 ? 0 : first, ~0u, 0) && errno == ENOSYS)
		NEXT_FNC(closefrom)(first); /* before Linux 5.9; the library connects again */
}

int fclose(FILE *stream)
{
	int fd = fileno(stream), ret = NEXT_FNC(fclose)(stream);

	if (fd >= 0)
		closed(fd);
	return ret;
}

int dup(int fd)
{
	return duplicated(fd, NEXT_FNC(dup)(fd));
}

int dup2(int old_fd, int new_fd)
{
	return duplicated(old_fd, NEXT_FNC(dup2)(old_fd, new_fd));
}

int dup3(int old_fd, int new_fd, int flags)
{
	return duplicated(old_fd, NEXT_FNC(dup3)(old_fd, new_fd, flags));
}

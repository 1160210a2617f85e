/* OPEN_FD, REOPEN_FD, CLOSE_FD and DUP_FD: what the program does with its descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "../preload/for_wrappers.h"

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

int open(const char *path, int flags, ...)
{
	mode_t mode = 0;

	READ_MODE(flags, mode);
	return opened(NEXT_FNC(open)(path, flags, mode), path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	mode_t mode = 0;

	READ_MODE(flags, mode);
	return opened(NEXT_FNC(open64)(path, flags, mode), path, flags, mode);
}

int openat(int directory, const char *path, int flags, ...)
{
	mode_t mode = 0;

	READ_MODE(flags, mode);
	return opened(NEXT_FNC(openat)(directory, path, flags, mode), path, flags, mode);
}

int creat(const char *path, mode_t mode)
{
	return opened(NEXT_FNC(creat)(path, mode), path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

FILE *fopen(const char *path, const char *mode)
{
	FILE *file = NEXT_FNC(fopen)(path, mode);

	if (file)
		opened(fileno(file), path, fcntl(fileno(file), F_GETFL), 0666);
	return file;
}

FILE *freopen(const char *path, const char *mode, FILE *stream)
{
	FILE *file = NEXT_FNC(freopen)(path, mode, stream);

	if (file && path) {
		DmtcpEventData_t data = { .reopenFd = { fileno(file), path,
							fcntl(fileno(file), F_GETFL) } };

		dmtcp_internal_raise(DMTCP_EVENT_REOPEN_FD, &data);
	}
	return file;
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

/*
 * Helpers for plugins, under the names that they have in DMTCP 5.0. What DMTCP itself needs of its
 * util.h, and plugins do not, is not here: docs/plugin-tutorial.md.
 */
#ifndef DMTCP_UTIL_H
#define DMTCP_UTIL_H

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dmtcpalloc.h"
#include "procmapsarea.h"

namespace dmtcp {
namespace Util {

/* ---- texts ---- */

inline bool strStartsWith(const char *text, const char *pattern)
{
	return !strncmp(text, pattern, strlen(pattern));
}

inline bool strStartsWith(const string &text, const char *pattern)
{
	return strStartsWith(text.c_str(), pattern);
}

inline bool strEndsWith(const char *text, const char *pattern)
{
	size_t bytes = strlen(text), end = strlen(pattern);

	return end <= bytes && !strcmp(text + bytes - end, pattern);
}

inline bool strEndsWith(const string &text, const char *pattern)
{
	return strEndsWith(text.c_str(), pattern);
}

inline string removeSuffix(const string &text, const string &suffix)
{
	return strEndsWith(text, suffix.c_str()) ? text.substr(0, text.size() - suffix.size()) : text;
}

inline string joinStrings(const vector<string> &parts, const string &between)
{
	string all;

	for (size_t i = 0; i < parts.size(); i++)
		all += (i ? between : string()) + parts[i];
	return all;
}

/* What is between the characters of @delimiters; also nothing, if @allowEmptyTokens. */
inline vector<string> tokenizeString(const string &text, const string &delimiters = " ",
				     bool allowEmptyTokens = false)
{
	vector<string> parts;
	size_t at = 0, end;

	do {
		end = text.find_first_of(delimiters, at);
		if (allowEmptyTokens || (end == string::npos ? text.size() : end) > at)
			parts.push_back(text.substr(at, end - at));
		at = end + 1;
	} while (end != string::npos);
	return parts;
}

/* ---- descriptors ---- */

/* Bytes that were read, less than @count at the end; -1 with errno: an error. */
inline ssize_t readAll(int fd, void *out, size_t count)
{
	size_t done = 0;

	while (done < count) {
		ssize_t n = read(fd, static_cast<char *>(out) + done, count - done);

		if (!n)
			break;
		if (n > 0)
			done += n;
		else if (errno != EINTR && errno != EAGAIN)
			return -1;
	}
	return done;
}

inline ssize_t writeAll(int fd, const void *bytes, size_t count)
{
	size_t done = 0;

	while (done < count) {
		ssize_t n = write(fd, static_cast<const char *>(bytes) + done, count - done);

		if (n > 0)
			done += n;
		else if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -1;
	}
	return done;
}

inline ssize_t skipBytes(int fd, size_t count)
{
	size_t done = 0;
	char room[512];

	while (done < count) {
		size_t left = count - done;
		ssize_t n = readAll(fd, room, left < sizeof(room) ? left : sizeof(room));

		if (n <= 0)
			return n < 0 ? -1 : static_cast<ssize_t>(done);
		done += n;
	}
	return done;
}

/* One line, with its newline, as far as there is room; its length, 0: the end, -1: an error. */
inline ssize_t readLine(int fd, char *out, int room)
{
	int n = 0;

	while (n + 1 < room) {
		ssize_t got = readAll(fd, out + n, 1);

		if (got < 0)
			return -1;
		if (!got || out[n++] == '\n')
			break;
	}
	if (room > 0)
		out[n] = 0;
	return n;
}

inline bool isValidFd(int fd)
{
	return fcntl(fd, F_GETFL) != -1;
}

/* @oldfd becomes @newfd. */
inline void changeFd(int oldfd, int newfd)
{
	if (oldfd != newfd && dup2(oldfd, newfd) == newfd)
		close(oldfd);
}

/* @oldfd becomes all of @newfds. */
inline void dupFds(int oldfd, const vector<int> &newfds)
{
	for (size_t i = 1; i < newfds.size(); i++)
		if (newfds[i] != oldfd)
			dup2(oldfd, newfds[i]);
	if (!newfds.empty())
		changeFd(oldfd, newfds[0]);
}

/* Of the whole file, for writing; waits. */
inline void lockFile(int fd)
{
	struct flock lock = {};

	lock.l_type = F_WRLCK;
	while (fcntl(fd, F_SETLKW, &lock) < 0 && errno == EINTR)
		;
}

inline void unlockFile(int fd)
{
	struct flock lock = {};

	lock.l_type = F_UNLCK;
	fcntl(fd, F_SETLK, &lock);
}

/* 0, also if it is there; -1 with errno. */
inline int safeMkdir(const char *path, mode_t mode)
{
	struct stat status;

	if (!mkdir(path, mode))
		return 0;
	return errno == EEXIST && !stat(path, &status) && S_ISDIR(status.st_mode) ? 0 : -1;
}

inline bool isPseudoTty(const char *path)
{
	return strStartsWith(path, "/dev/pts/") || strStartsWith(path, "/dev/pty") ||
	       !strcmp(path, "/dev/tty");
}

/* ---- memory ---- */

inline size_t pageSize()
{
	return sysconf(_SC_PAGESIZE);
}

inline size_t pageMask()
{
	return ~(pageSize() - 1);
}

inline bool areZeroPages(const void *address, size_t pages)
{
	const char *p = static_cast<const char *>(address);
	size_t bytes = pages * pageSize();

	return !bytes || (!*p && !memcmp(p, p + 1, bytes - 1));
}

/*
 * The next line of /proc/self/maps, open as @mapsfd, into @area. 0: there are no more. No stdio and no
 * malloc(3).
 */
inline int readProcMapsLine(int mapsfd, ProcMapsArea *area)
{
	char line[FILENAMESIZE + 128], permissions[5] = "";
	unsigned long start, end, offset, inode;
	unsigned int major, minor;
	int name = 0;

	if (readLine(mapsfd, line, sizeof(line)) <= 0 ||
	    sscanf(line, "%lx-%lx %4s %lx %x:%x %lu %n", &start, &end, permissions, &offset, &major,
		   &minor, &inode, &name) < 7)
		return 0;
	memset(static_cast<void *>(area), 0, sizeof(*area));
	line[strcspn(line, "\n")] = 0;
	area->addr = reinterpret_cast<VA>(start);
	area->endAddr = reinterpret_cast<VA>(end);
	area->size = end - start;
	area->offset = offset;
	area->prot = (permissions[0] == 'r' ? PROT_READ : 0) |
		     (permissions[1] == 'w' ? PROT_WRITE : 0) |
		     (permissions[2] == 'x' ? PROT_EXEC : 0);
	area->flags = permissions[3] == 's' ? MAP_SHARED : MAP_PRIVATE;
	if (line[name] != '/')
		area->flags |= MAP_ANONYMOUS;
	area->devmajor = major;
	area->devminor = minor;
	area->inodenum = inode;
	strncpy(area->name, line + name, sizeof(area->name) - 1);
	return 1;
}

}
}

/* Plugins name it without its namespace, too. */
namespace Util = dmtcp::Util;

#endif

/* Where the commands of one user on one host meet, and where this installation stands. */
#include "runtime_paths.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOCKET_PATH_BYTES 100 /* sun_path holds 108; the rest is for a temporary name */

__attribute__((format(printf, 3, 4))) static int format_path(char *out, size_t bytes,
							     const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(out, bytes, format, arguments);
	va_end(arguments);
	return length < 0 || (size_t)length >= bytes ? -ENAMETOOLONG : 0;
}

int runtime_absolute(const char *path, char *out, size_t bytes)
{
	char directory[PATH_MAX];

	if (path[0] == '/')
		return format_path(out, bytes, "%s", path);
	if (!getcwd(directory, sizeof(directory)))
		return -errno;
	return format_path(out, bytes, "%s/%s", strcmp(directory, "/") ? directory : "", path);
}

static const char *chosen_tmpdir(const char *option)
{
	const char *names[] = { "DMTCP_TMPDIR", "TMPDIR" };

	if (option && *option)
		return option;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const char *value = getenv(names[i]);

		if (value && *value)
			return value;
	}
	return "/tmp";
}

/* `dmtcp-<user>@<host>`; the number of the user when it has no name. */
static int own_name(char *out, size_t bytes)
{
	struct passwd entry, *found = NULL;
	char host[256], text[4096];

	if (gethostname(host, sizeof(host)))
		return -errno;
	host[sizeof(host) - 1] = '\0';
	if (getpwuid_r(geteuid(), &entry, text, sizeof(text), &found) == 0 && found)
		return format_path(out, bytes, "dmtcp-%s@%s", entry.pw_name, host);
	return format_path(out, bytes, "dmtcp-%u@%s", (unsigned int)geteuid(), host);
}

static int directory_under(const char *tmpdir, char *out, size_t bytes)
{
	char name[600];
	int ret = own_name(name, sizeof(name));

	if (ret < 0)
		return ret;
	return format_path(out, bytes, "%s/%s", tmpdir, name);
}

int runtime_tmpdir(const char *tmpdir, char *out, size_t bytes)
{
	return runtime_absolute(chosen_tmpdir(tmpdir), out, bytes);
}

int runtime_directory(const char *tmpdir, char *out, size_t bytes)
{
	char base[PATH_MAX];
	int ret = runtime_tmpdir(tmpdir, base, sizeof(base));

	return ret < 0 ? ret : directory_under(base, out, bytes);
}

/* FNV-1a, 64 bits, as docs/local-protocol.md says. */
static uint64_t hash_of(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * 0x100000001b3u;
	return hash;
}

/* @name without `.sock`. A long path moves to /tmp, where its tmpdir's hash keeps it apart. */
static int socket_path(const char *tmpdir, const char *name, char *out, size_t bytes)
{
	char base[PATH_MAX], directory[PATH_MAX];
	int ret = runtime_tmpdir(tmpdir, base, sizeof(base));

	if (ret < 0)
		return ret;
	ret = directory_under(base, directory, sizeof(directory));
	if (ret < 0)
		return ret;
	if (strlen(directory) + 1 + strlen(name) + strlen(".sock") <= SOCKET_PATH_BYTES)
		return format_path(out, bytes, "%s/%s.sock", directory, name);
	ret = directory_under("/tmp", directory, sizeof(directory));
	if (ret < 0)
		return ret;
	return format_path(out, bytes, "%s/%s-%08x.sock", directory, name,
			   (unsigned int)(hash_of(base) >> 32));
}

int runtime_coordinator_socket(const char *tmpdir, unsigned int port, char *out, size_t bytes)
{
	char name[40];

	snprintf(name, sizeof(name), "coordinator-%u", port);
	return socket_path(tmpdir, name, out, bytes);
}

int runtime_agent_socket(const char *tmpdir, const char *coordinator_host, unsigned int port,
			 char *out, size_t bytes)
{
	char name[300];

	snprintf(name, sizeof(name), "agent-%.255s-%u", coordinator_host, port);
	return socket_path(tmpdir, name, out, bytes);
}

int runtime_make_directories(const char *path)
{
	char part[PATH_MAX];
	int ret = format_path(part, sizeof(part), "%s", path);

	if (ret < 0)
		return ret;
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		int failed;

		*slash = '\0';
		failed = mkdir(part, 0700) && errno != EEXIST ? errno : 0;
		*slash = '/';
		if (failed)
			return -failed;
	}
	return mkdir(part, 0700) && errno != EEXIST ? -errno : 0;
}

int runtime_directory_prepare(const char *path, struct fault *fault)
{
	char directory[PATH_MAX], *slash;
	struct stat found;
	int ret = format_path(directory, sizeof(directory), "%s", path);

	if (ret == 0) {
		slash = strrchr(directory, '/');
		if (slash)
			*slash = '\0';
		ret = runtime_make_directories(directory);
	}
	if (ret < 0)
		return fault_set(fault, -ret, "run-directory", "%s cannot be made: %s", directory,
				 strerror(-ret));
	if (lstat(directory, &found))
		return fault_set(fault, errno, "run-directory", "%s: %s", directory,
				 strerror(errno));
	if (!S_ISDIR(found.st_mode) || found.st_uid != geteuid() || (found.st_mode & 022))
		return fault_set(fault, EPERM, "run-directory",
				 "%s is not a directory that only this user can write to",
				 directory);
	return 0;
}

int runtime_tree(char *out, size_t bytes)
{
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (length < 0)
		return -errno;
	self[length] = '\0';
	for (int up = 0; up < 2; up++) { /* bin/<command> */
		char *slash = strrchr(self, '/');

		if (!slash)
			return -ENOENT;
		*slash = '\0';
	}
	return format_path(out, bytes, "%s", *self ? self : "/");
}

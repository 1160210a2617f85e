/*
 * A program of the computation that executes ssh or rsh executes dmtcp_ssh, which does the same and
 * survives a restart. Nothing else in here: no other call passes through us.
 *
 * These may run in a child of vfork(2), in the memory of its parent: no heap, no lock; everything
 * that must be known is found out at the start.
 */
#include <alloca.h>
#include <dlfcn.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define VISIBLE __attribute__((visibility("default")))
#define VALUE_BYTES (PATH_MAX + 64)

extern char **environ;

/* What dmtcp_ssh must know, also where a program has cleaned the environment. */
static const char *const needed[] = {
	"DMTCP_COMPUTATION_ID", "DMTCP_COORD_HOST", "DMTCP_COORD_PORT", "DMTCP_TMPDIR",
	"DMTCP_CHECKPOINT_DIR",
};

#define NEEDED (sizeof(needed) / sizeof(*needed))

static char assignments[NEEDED][VALUE_BYTES]; /* NAME=value; empty: not set */
static char replacement[PATH_MAX];            /* dmtcp_ssh; empty: nothing is replaced */

static int (*next_execve)(const char *, char *const *, char *const *);
static int (*next_execvpe)(const char *, char *const *, char *const *);
static int (*next_fexecve)(int, char *const *, char *const *);
static int (*next_execveat)(int, const char *, char *const *, char *const *, int);
static int (*next_spawn)(pid_t *, const char *, const posix_spawn_file_actions_t *,
			 const posix_spawnattr_t *, char *const *, char *const *);
static int (*next_spawnp)(pid_t *, const char *, const posix_spawn_file_actions_t *,
			  const posix_spawnattr_t *, char *const *, char *const *);

static bool switched_off(void)
{
	const char *ssh = getenv("DMTCP_SSH_PLUGIN"), *all = getenv("DMTCP_DISABLE_ALL_PLUGINS");

	return !getenv("DMTCP_COMPUTATION_ID") || getenv("DMTCP_NOCHECKPOINT") ||
	       (ssh && !strcmp(ssh, "0")) || (all && !strcmp(all, "1"));
}

__attribute__((constructor)) static void look_around(void)
{
	Dl_info own;
	char *end;

	next_execve = dlsym(RTLD_NEXT, "execve");
	next_execvpe = dlsym(RTLD_NEXT, "execvpe");
	next_fexecve = dlsym(RTLD_NEXT, "fexecve");
	next_execveat = dlsym(RTLD_NEXT, "execveat");
	next_spawn = dlsym(RTLD_NEXT, "posix_spawn");
	next_spawnp = dlsym(RTLD_NEXT, "posix_spawnp");
	if (switched_off() || !dladdr((void *)look_around, &own))
		return;
	/* <tree>/lib/dmtcp/libdmtcp.so */
	snprintf(replacement, sizeof(replacement), "%s", own.dli_fname);
	for (int up = 0; up < 3; up++) {
		end = strrchr(replacement, '/');
		if (end)
			*end = 0;
		else
			replacement[0] = 0;
	}
	end = replacement + strlen(replacement);
	if (end == replacement || end + 16 > replacement + sizeof(replacement))
		replacement[0] = 0;
	else
		strcpy(end, "/bin/dmtcp_ssh");
	for (size_t n = 0; n < NEEDED; n++) {
		const char *value = getenv(needed[n]);

		if (value && strlen(value) + 32 < VALUE_BYTES)
			sprintf(assignments[n], "%s=%s", needed[n], value);
	}
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static const char *value_of(char *const *environment, const char *name)
{
	size_t bytes = strlen(name);

	for (; environment && *environment; environment++)
		if (!strncmp(*environment, name, bytes) && (*environment)[bytes] == '=')
			return *environment + bytes + 1;
	return NULL;
}

static bool is_ssh(const char *file, char *const *environment)
{
	const char *plugin;

	if (!replacement[0] || !file)
		return false;
	if (strcmp(base_name(file), "ssh") && strcmp(base_name(file), "rsh"))
		return false;
	/* What leaves the computation keeps its own ssh. */
	plugin = value_of(environment, "DMTCP_SSH_PLUGIN");
	return !value_of(environment, "DMTCP_NOCHECKPOINT") && !(plugin && !strcmp(plugin, "0"));
}

/* The search of execvp(3). False: let that call fail as it will. */
static bool find_in_path(const char *file, char *path, size_t bytes)
{
	const char *directories = getenv("PATH");

	if (strchr(file, '/'))
		return snprintf(path, bytes, "%s", file) < (int)bytes && !access(path, X_OK);
	if (!directories)
		directories = "/bin:/usr/bin";
	for (;;) {
		int n = (int)strcspn(directories, ":");

		if (snprintf(path, bytes, "%.*s/%s", n ? n : 1, n ? directories : ".", file) <
		    (int)bytes && !access(path, X_OK))
			return true;
		if (!directories[n])
			return false;
		directories += n + 1;
	}
}

static size_t count(char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

/* Room: count(argv) + 3. */
static void put_arguments(char **out, const char *path, char *const *argv)
{
	*out++ = replacement;
	*out++ = (char *)path;
	for (size_t n = 1; argv && argv[0] && argv[n]; n++)
		*out++ = argv[n];
	*out = NULL;
}

/* Room: count(environment) + NEEDED + 1. */
static void put_environment(char **out, char *const *environment)
{
	for (size_t n = 0; n < NEEDED; n++)
		if (assignments[n][0] && !value_of(environment, needed[n]))
			*out++ = assignments[n];
	for (; environment && *environment; environment++)
		*out++ = *environment;
	*out = NULL;
}

/* On the caller's stack: `path` is where the real ssh stands, `argv` and `environment` change. */
#define REPLACE(path, argv, environment) \
	do { \
		char **arguments_ = alloca((count(argv) + 3) * sizeof(char *)); \
		char **environment_ = alloca((count(environment) + NEEDED + 1) * sizeof(char *)); \
\
		put_arguments(arguments_, path, argv); \
		put_environment(environment_, environment); \
		(argv) = arguments_; \
		(environment) = environment_; \
	} while (0)

static int call_execve(const char *path, char *const *argv, char *const *environment)
{
	if (next_execve)
		return next_execve(path, argv, environment);
	return syscall(SYS_execve, path, argv, environment);
}

VISIBLE int execve(const char *path, char *const argv[], char *const environment[])
{
	char *const *a = argv, *const *e = environment;

	if (is_ssh(path, e) && !access(path, X_OK)) {
		REPLACE(path, a, e);
		path = replacement;
	}
	return call_execve(path, a, e);
}

VISIBLE int execv(const char *path, char *const argv[])
{
	return execve(path, argv, environ);
}

VISIBLE int execvpe(const char *file, char *const argv[], char *const environment[])
{
	char *const *a = argv, *const *e = environment;
	char path[PATH_MAX];

	if (is_ssh(file, e) && find_in_path(file, path, sizeof(path))) {
		REPLACE(path, a, e);
		return call_execve(replacement, a, e);
	}
	return next_execvpe(file, a, e);
}

VISIBLE int execvp(const char *file, char *const argv[])
{
	return execvpe(file, argv, environ);
}

/* The words of execl(3) and its kin, with the terminating NULL; @list is just behind @first. */
#define COLLECT(first, list, argv) \
	do { \
		va_list counting_; \
		size_t n_ = 1; \
\
		va_copy(counting_, list); \
		while (va_arg(counting_, char *)) \
			n_++; \
		va_end(counting_); \
		(argv) = alloca((n_ + 1) * sizeof(char *)); \
		(argv)[0] = (char *)(first); \
		for (size_t i_ = 1; i_ <= n_; i_++) \
			(argv)[i_] = va_arg(list, char *); \
	} while (0)

VISIBLE int execl(const char *path, const char *first, ...)
{
	char **argv;
	va_list list;

	va_start(list, first);
	COLLECT(first, list, argv);
	va_end(list);
	return execve(path, argv, environ);
}

VISIBLE int execlp(const char *file, const char *first, ...)
{
	char **argv;
	va_list list;

	va_start(list, first);
	COLLECT(first, list, argv);
	va_end(list);
	return execvpe(file, argv, environ);
}

VISIBLE int execle(const char *path, const char *first, ...)
{
	char **argv, **environment;
	va_list list;

	va_start(list, first);
	COLLECT(first, list, argv);
	environment = va_arg(list, char **);
	va_end(list);
	return execve(path, argv, environment);
}

/* Where descriptor @fd leads; false: nowhere that has a path. */
static bool path_of(int fd, char *path, size_t bytes)
{
	char link[32];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, bytes - 1);
	if (n <= 0)
		return false;
	path[n] = 0;
	return path[0] == '/';
}

VISIBLE int fexecve(int fd, char *const argv[], char *const environment[])
{
	char *const *a = argv, *const *e = environment;
	char path[PATH_MAX];

	if (replacement[0] && path_of(fd, path, sizeof(path)) && is_ssh(path, e)) {
		REPLACE(path, a, e);
		return call_execve(replacement, a, e);
	}
	return next_fexecve(fd, a, e);
}

VISIBLE int execveat(int fd, const char *file, char *const argv[], char *const environment[],
		     int flags)
{
	char *const *a = argv, *const *e = environment;
	char path[PATH_MAX];

	if (is_ssh(file, e) && file[0] == '/' && !access(file, X_OK)) {
		REPLACE(file, a, e);
		return call_execve(replacement, a, e);
	}
	if (replacement[0] && !file[0] && path_of(fd, path, sizeof(path)) && is_ssh(path, e)) {
		REPLACE(path, a, e);
		return call_execve(replacement, a, e);
	}
	if (next_execveat)
		return next_execveat(fd, file, a, e, flags);
	return syscall(SYS_execveat, fd, file, a, e, flags);
}

VISIBLE int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
			const posix_spawnattr_t *attributes, char *const argv[],
			char *const environment[])
{
	char *const *a = argv, *const *e = environment;

	if (is_ssh(path, e) && !access(path, X_OK)) {
		REPLACE(path, a, e);
		path = replacement;
	}
	return next_spawn(pid, path, actions, attributes, a, e);
}

VISIBLE int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
			 const posix_spawnattr_t *attributes, char *const argv[],
			 char *const environment[])
{
	char *const *a = argv, *const *e = environment;
	char path[PATH_MAX];

	if (is_ssh(file, e) && find_in_path(file, path, sizeof(path))) {
		REPLACE(path, a, e);
		return next_spawn(pid, replacement, actions, attributes, a, e);
	}
	return next_spawnp(pid, file, actions, attributes, a, e);
}

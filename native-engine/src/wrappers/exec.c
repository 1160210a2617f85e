/* PRE_EXEC, for all ways to execute a program by its path. POST_EXEC: ../preload/helper.c. */
#include <alloca.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "paths.h"

#define VARIABLE "DMTCP_EXEC_FD="
#define MORE 64 /* arguments or variables that hooks may add */

extern char **environ;

static size_t count(char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

/* @room: entries of @to. */
static void copy(const char **to, char *const *from, size_t room)
{
	size_t n = 0;

	memset(to, 0, room * sizeof(*to));
	for (; from && from[n] && n + 1 < room; n++)
		to[n] = from[n];
}

/*
 * What a new program needs to stay what this one is, where the environment that it is given has not got
 * it: programs clean it, or take LD_PRELOAD out.
 */
static const char *const needed[] = {
	"DMTCP_COMPUTATION_ID", "DMTCP_COORD_HOST", "DMTCP_COORD_PORT", "DMTCP_AGENT_SOCKET",
	"DMTCP_TMPDIR", "DMTCP_CHECKPOINT_DIR", "DMTCP_SIGCKPT", "DMTCP_PLUGIN",
	"DMTCP_PATHVIRT_PLUGIN", "DMTCP_PATH_MAPPING", "DMTCP_MODIFY_ENV",
};

#define NEEDED (sizeof(needed) / sizeof(*needed))
#define PRELOAD "LD_PRELOAD"

static char *known[NEEDED]; /* NAME=value; NULL: not set */
static char *libraries;     /* plugins and our own, as dmtcp_launch has put them into LD_PRELOAD */

static __attribute__((constructor)) void know_environment(void)
{
	const char *preload = getenv(PRELOAD), *end;

	for (size_t n = 0; n < NEEDED; n++) {
		const char *value = getenv(needed[n]);

		if (value && asprintf(&known[n], "%s=%s", needed[n], value) < 0)
			known[n] = NULL;
	}
	end = preload ? strstr(preload, "/libdmtcp.so") : NULL;
	if (end && asprintf(&libraries, "%.*s", (int)(end - preload) + 12, preload) < 0)
		libraries = NULL;
}

static const char *value_of(const char *const *list, const char *name)
{
	size_t bytes = strlen(name);

	for (; *list; list++)
		if (!strncmp(*list, name, bytes) && (*list)[bytes] == '=')
			return *list + bytes + 1;
	return NULL;
}

/* Of LD_PRELOAD with the program's own part behind ours. 0: it needs no change. */
static size_t preload_bytes(const char *const *envp)
{
	const char *theirs = value_of(envp, PRELOAD);

	if (!libraries || value_of(envp, "DMTCP_NOCHECKPOINT") ||
	    (theirs && strstr(theirs, "/libdmtcp.so")))
		return 0;
	return sizeof(PRELOAD) + strlen(libraries) + (theirs ? strlen(theirs) : 0) + 2;
}

/* @preload: room for preload_bytes(). There is room for NEEDED + 1 more in @envp. */
static void complete(const char **envp, char *preload)
{
	const char *theirs = value_of(envp, PRELOAD);
	size_t n = count((char *const *)envp);

	sprintf(preload, PRELOAD "=%s%s%s", libraries, theirs && *theirs ? ":" : "",
		theirs ? theirs : "");
	for (size_t i = 0; i < NEEDED; i++)
		if (known[i] && !value_of(envp, needed[i]))
			envp[n++] = known[i];
	envp[n] = NULL;
	for (size_t i = 0; theirs && i < n; i++)
		if (!strncmp(envp[i], PRELOAD "=", sizeof(PRELOAD)))
			envp[i] = preload;
	if (!theirs) {
		envp[n] = preload;
		envp[n + 1] = NULL;
	}
}

/* No plugin is to hear of a descriptor of ours. */
static void close_quietly(int fd)
{
	if (fd >= 0)
		syscall(SYS_close, fd);
}

/* Bytes for the name of @program, as it really is; hooks may write a longer one there. */
static size_t name_room(const char *program)
{
	size_t bytes = strlen(program) + 1; /* one too long for the kernel stays as it is */

	return dmtcp_internal_translates() && bytes < PATH_MAX ? PATH_MAX : bytes;
}

static char *real_name(const char *program, char *out)
{
	const char *name = dmtcp_internal_translates() ? dmtcp_internal_real_path(program, out) :
							  program;

	return name == out ? out : strcpy(out, name);
}

/*
 * PRE_EXEC. Hooks may change everything, in place or by other arrays; @number gets what tells the new
 * program that it has been executed. What they have left for it is in the descriptor, -1: nothing.
 */
static int tell(char **filename, const char **argv, size_t most_arguments, const char **envp,
		size_t most_variables, char *number)
{
	int fd = memfd_create("dmtcp-exec", 0);
	DmtcpEventData_t data;

	data.preExec.serializationFd = fd;
	data.preExec.filename = *filename;
	data.preExec.maxArgs = most_arguments;
	data.preExec.argv = argv;
	data.preExec.maxEnv = most_variables;
	data.preExec.envp = envp;
	dmtcp_internal_raise(DMTCP_EVENT_PRE_EXEC, &data);
	*filename = data.preExec.filename;
	if (data.preExec.argv != argv)
		copy(argv, (char *const *)data.preExec.argv, most_arguments);
	if (data.preExec.envp != envp)
		copy(envp, (char *const *)data.preExec.envp, most_variables);
	if (fd < 0 || lseek(fd, 0, SEEK_END) <= 0) {
		close_quietly(fd);
		fd = -1;
	} else {
		lseek(fd, 0, SEEK_SET);
	}
	sprintf(number, VARIABLE "%d", fd);
	envp[count((char *const *)envp)] = number;
	return fd;
}

enum way { AS_NAMED, BY_SEARCH /* in PATH */, FROM_DIRECTORY };

struct way_of {
	enum way way;
	int directory, flags; /* as for execveat(2) */
};

static const struct way_of as_named = { .way = AS_NAMED }, by_search = { .way = BY_SEARCH };

/* Runs in a child of vfork(2) too: no heap. */
static int execute(const char *program, char *const *arguments, char *const *variables,
		   struct way_of how)
{
	size_t most_arguments = count(arguments) + MORE, most_variables = count(variables) + MORE;
	const char **argv = alloca((most_arguments + 1) * sizeof(*argv));
	const char **envp = alloca((most_variables + NEEDED + 4) * sizeof(*envp));
	char *filename, number[sizeof(VARIABLE) + 16], *preload;
	size_t preloading;
	int error, fd = -1;

	if (dmtcp_internal_in_hook())
		dmtcp_internal_leave_hook("it wanted to execute another program in the place of this one");
	copy(argv, arguments, most_arguments + 1);
	copy(envp, variables, most_variables + 2);
	filename = real_name(program, alloca(name_room(program)));
	if (dmtcp_internal_has_plugins())
		fd = tell(&filename, argv, most_arguments, envp, most_variables, number);
	preloading = preload_bytes(envp);
	if (preloading) {
		preload = alloca(preloading);
		complete(envp, preload);
	}
	if (how.way == BY_SEARCH)
		NEXT_FNC(execvpe)(filename, (char *const *)argv, (char *const *)envp);
	else if (how.way == FROM_DIRECTORY)
		syscall(SYS_execveat, how.directory, filename, argv, envp, how.flags);
	else
		NEXT_FNC(execve)(filename, (char *const *)argv, (char *const *)envp);
	error = errno;
	close_quietly(fd);
	errno = error;
	return -1;
}

int execve(const char *program, char *const arguments[], char *const variables[])
{
	return execute(program, arguments, variables, as_named);
}

int execv(const char *program, char *const arguments[])
{
	return execute(program, arguments, environ, as_named);
}

int execvp(const char *program, char *const arguments[])
{
	return execute(program, arguments, environ, by_search);
}

int execvpe(const char *program, char *const arguments[], char *const variables[])
{
	return execute(program, arguments, variables, by_search);
}

int execveat(int directory, const char *program, char *const arguments[], char *const variables[],
	     int flags)
{
	return execute(program, arguments, variables,
		       (struct way_of){ FROM_DIRECTORY, directory, flags });
}

int fexecve(int fd, char *const arguments[], char *const variables[])
{
	return execveat(fd, "", arguments, variables, AT_EMPTY_PATH);
}

/* The arguments of a call with a list, as an array; *@behind: what follows the NULL, if asked for. */
#define COLLECT(first, arguments, behind)                                              \
	do {                                                                           \
		va_list list;                                                          \
		size_t n = 1;                                                          \
		va_start(list, first);                                                 \
		while (va_arg(list, char *))                                           \
			n++;                                                           \
		va_end(list);                                                          \
		arguments = alloca((n + 1) * sizeof(*arguments));                      \
		va_start(list, first);                                                 \
		arguments[0] = (char *)first;                                          \
		for (size_t i = 1; i <= n; i++)                                        \
			arguments[i] = va_arg(list, char *);                           \
		if ((void *)(behind) != NULL)                                                          \
			*(char ***)(behind) = va_arg(list, char **);                   \
		va_end(list);                                                          \
	} while (0)

int execl(const char *program, const char *first, ...)
{
	char **arguments;

	COLLECT(first, arguments, (void *)NULL);
	return execute(program, arguments, environ, as_named);
}

int execlp(const char *program, const char *first, ...)
{
	char **arguments;

	COLLECT(first, arguments, (void *)NULL);
	return execute(program, arguments, environ, by_search);
}

int execle(const char *program, const char *first, ...)
{
	char **arguments, **variables;

	COLLECT(first, arguments, &variables);
	return execute(program, arguments, variables, as_named);
}

/* The environment for posix_spawn(3), which calls none of the above. */
static char *const *spawn_environment(char *const *variables, const char **envp, size_t room,
				      char *preload)
{
	copy(envp, variables, room);
	complete(envp, preload);
	return (char *const *)envp;
}

#define SPAWN(name, where)                                                                    \
	int name(pid_t *pid, const char *where, const posix_spawn_file_actions_t *actions,    \
		 const posix_spawnattr_t *attributes, char *const arguments[],                \
		 char *const variables[])                                                     \
	{                                                                                     \
		static const char *const none[] = { NULL };                                   \
		char *const *list = variables ? variables : (char *const *)none;              \
		size_t bytes = preload_bytes((const char *const *)list);                      \
		size_t room = count(list) + NEEDED + 3;                                       \
		PATH_ROOM(place);                                                             \
                                                                                              \
		if (bytes)                                                                    \
			list = spawn_environment(list, alloca(room * sizeof(char *)), room,   \
						 alloca(bytes));                              \
		return NEXT_FNC(name)(pid, REAL_PATH(where, place), actions, attributes,      \
				      arguments, list);                                       \
	}

SPAWN(posix_spawn, path)
SPAWN(posix_spawnp, file)

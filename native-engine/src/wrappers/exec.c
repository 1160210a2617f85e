/* PRE_EXEC, for all ways to execute a program by its path. POST_EXEC: ../preload/helper.c. */
#include <alloca.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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
	for (; from && from[n]; n++)
		to[n] = from[n];
}

/* With @search the program is looked for in PATH. Runs in a child of vfork(2) too: no heap. */
static int execute(const char *program, char *const *arguments, char *const *variables, int search)
{
	size_t most_arguments = count(arguments) + MORE, most_variables = count(variables) + MORE;
	const char **argv = alloca((most_arguments + 1) * sizeof(*argv));
	const char **envp = alloca((most_variables + 2) * sizeof(*envp));
	char *filename = strdupa(REAL_PATH(program)), number[sizeof(VARIABLE) + 16];
	DmtcpEventData_t data;
	int error, fd = memfd_create("dmtcp-exec", 0);

	copy(argv, arguments, most_arguments + 1);
	copy(envp, variables, most_variables + 2);
	data.preExec.serializationFd = fd;
	data.preExec.filename = filename;
	data.preExec.maxArgs = most_arguments;
	data.preExec.argv = argv;
	data.preExec.maxEnv = most_variables;
	data.preExec.envp = envp;
	dmtcp_internal_raise(DMTCP_EVENT_PRE_EXEC, &data);
	if (fd >= 0 && lseek(fd, 0, SEEK_END) > 0) {
		lseek(fd, 0, SEEK_SET);
		snprintf(number, sizeof(number), VARIABLE "%d", fd);
		envp[count((char *const *)envp)] = number;
	} else if (fd >= 0) {
		close(fd);
		fd = -1;
	}
	if (search)
		NEXT_FNC(execvpe)(filename, (char *const *)argv, (char *const *)envp);
	else
		NEXT_FNC(execve)(filename, (char *const *)argv, (char *const *)envp);
	error = errno;
	if (fd >= 0)
		close(fd);
	errno = error;
	return -1;
}

int execve(const char *program, char *const arguments[], char *const variables[])
{
	return execute(program, arguments, variables, 0);
}

int execv(const char *program, char *const arguments[])
{
	return execute(program, arguments, environ, 0);
}

int execvp(const char *program, char *const arguments[])
{
	return execute(program, arguments, environ, 1);
}

int execvpe(const char *program, char *const arguments[], char *const variables[])
{
	return execute(program, arguments, variables, 1);
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
	return execute(program, arguments, environ, 0);
}

int execlp(const char *program, const char *first, ...)
{
	char **arguments;

	COLLECT(first, arguments, (void *)NULL);
	return execute(program, arguments, environ, 1);
}

int execle(const char *program, const char *first, ...)
{
	char **arguments, **variables;

	COLLECT(first, arguments, &variables);
	return execute(program, arguments, variables, 0);
}

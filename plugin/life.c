/* A program that does what its word says, and tells where it is; for the order of the events of a process. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dmtcp.h"

static void say(const char *where)
{
	dprintf(STDERR_FILENO, "- %s\n", where);
}

static void *work(void *argument)
{
	return argument;
}

static void *work_and_leave(void *argument)
{
	pthread_exit(argument);
}

static void threads(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, work, NULL);
	pthread_join(thread, NULL);
	pthread_create(&thread, NULL, work_and_leave, NULL);
	pthread_join(thread, NULL);
}

/* Not by exit(): that has an event of its own. */
static void end_child(pid_t pid)
{
	if (!pid)
		_exit(0);
	if (pid < 0)
		say(errno == EAGAIN ? "refused" : "wrong");
	else
		waitpid(pid, NULL, 0);
}

static void children(void)
{
	say("fork");
	end_child(fork());
	say("vfork");
	end_child(vfork());
}

/* Nobody but root gets more processes than the limit: setrlimit(2). */
static void refused_children(void)
{
	struct rlimit none = { 0, 0 };

	if (!getuid() && (setgid(65534) || setuid(65534)))
		say("wrong");
	setrlimit(RLIMIT_NPROC, &none);
	children();
}

/* Executes a program while it forbids checkpoints, when there is a file. */
static void execute_while_forbidden(const char *file, char *program)
{
	dmtcp_disable_ckpt();
	puts("critical");
	fflush(stdout);
	while (access(file, F_OK))
		usleep(10000);
	execl(program, program, NULL);
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";

	say("begin");
	if (!strcmp(word, "threads"))
		threads();
	else if (!strcmp(word, "children"))
		children();
	else if (!strcmp(word, "refused"))
		refused_children();
	else if (!strcmp(word, "exec"))
		execlp(argv[0], argv[0], "none", NULL);
	else if (!strcmp(word, "forbidden") && argc > 3)
		execute_while_forbidden(argv[2], argv[3]);
	say("end");
	return 0;
}

/*
 * The whole way, with the commands that a user has: a small program is checkpointed, ended and
 * restarted.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../commands/runtime_paths.h"
#include "../trace/wait.h"
#include "findings.h"

#define LIMIT_NS 30000000000ull
#define RESTARTED_STATUS 42

/*
 * Alone in a session, with nothing open that leads to us. It waits for the file @go, which is made
 * only when it has been ended: the one that finds it has been restarted.
 */
static void __attribute__((noreturn)) small_program(const char *go)
{
	struct timespec little = { 0, 10000000 };

	setsid();
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	prctl(PR_SET_NAME, "dmtcp_probe");
	for (int n = 0; n < 3000; n++) {
		if (!access(go, F_OK))
			_exit(RESTARTED_STATUS);
		nanosleep(&little, NULL);
	}
	_exit(0);
}

/* Its standard descriptors are /dev/null: they are what is restored. */
static pid_t start(const char *go)
{
	int told[2];
	pid_t child, program = -1;

	if (pipe2(told, O_CLOEXEC))
		return -1;
	child = fork();
	if (!child) {
		program = fork();
		if (program)
			_exit(write(told[1], &program, sizeof(program)) < 0);
		for (int fd = 0; fd < 3; fd++)
			dup2(open("/dev/null", O_RDWR), fd);
		close_range(3, ~0u, 0);
		small_program(go);
	}
	close(told[1]);
	if (child > 0)
		waitpid(child, NULL, 0);
	if (child < 0 || read(told[0], &program, sizeof(program)) != sizeof(program))
		program = -1;
	close(told[0]);
	return program;
}

/* Runs a command of ours to its end, with a limit; its words on standard error in @said. */
static int run(char *const arguments[], char *said, size_t bytes)
{
	char tree[PATH_MAX], path[PATH_MAX + 64];
	uint64_t deadline = monotonic_ns() + LIMIT_NS;
	struct timespec little = { 0, 5000000 };
	int ends[2], status = -1;
	size_t used = 0;
	ssize_t n;
	pid_t child;

	*said = '\0';
	if (runtime_tree(tree, sizeof(tree)) < 0 || pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return -1;
	snprintf(path, sizeof(path), "%s/bin/%s", tree, arguments[0]);
	child = fork();
	if (!child) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		execv(path, arguments);
		_exit(127);
	}
	close(ends[1]);
	while (child > 0 && waitpid(child, &status, WNOHANG) == 0) {
		if (monotonic_ns() > deadline) {
			kill(child, SIGKILL);
			waitpid(child, &status, 0);
			break;
		}
		nanosleep(&little, NULL);
	}
	while (used < bytes - 1 && (n = read(ends[0], said + used, bytes - 1 - used)) > 0)
		used += n;
	said[used] = '\0';
	close(ends[0]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Their first line is enough here. */
static void tell_failure(struct findings *f, const char *check, const char *what, char *said)
{
	said[strcspn(said, "\n")] = '\0';
	finding_add(f, FINDING_PROBLEM, check, "The findings above tell what is missing.", "%s: %s",
		    what, *said ? said : "no reason was given");
}

void probe_round_trip(struct findings *f, const char *directory)
{
	char image[PATH_MAX + 64], go[PATH_MAX + 64], number[16], said[600];
	char *checkpoint[] = { "dmtcp_engine", "--checkpoint", number, "--image",
			       image, "--kill", NULL };
	char *restart[] = { "dmtcp_restart", "--no-coordinator", "--image", image, NULL };
	int status, fd;
	pid_t program;

	snprintf(image, sizeof(image), "%s/.dmtcp_doctor.%d.dmtcp", directory, getpid());
	snprintf(go, sizeof(go), "%s/.dmtcp_doctor.%d.go", directory, getpid());
	unlink(go);
	program = start(go);
	if (program < 0)
		return; /* trace_probe.c has told */
	snprintf(number, sizeof(number), "%d", program);
	status = run(checkpoint, said, sizeof(said));
	if (status) {
		kill(program, SIGKILL);
		tell_failure(f, "checkpoint", "a small program could not be checkpointed", said);
		unlink(image);
		return;
	}
	finding_add(f, FINDING_FINE, "checkpoint", "", "a small program was checkpointed");
	fd = open(go, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	status = run(restart, said, sizeof(said));
	if (status == RESTARTED_STATUS)
		finding_add(f, FINDING_FINE, "restart", "", "and restarted");
	else
		tell_failure(f, "restart", "a small program could not be restarted", said);
	unlink(go);
	unlink(image);
}

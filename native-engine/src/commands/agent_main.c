/*
 * dmtcp_agent HOST PORT [TMPDIR]: puts this host's agent for a coordinator of another host into the
 * background and ends once it serves its socket. Started by the other commands. What stays is this
 * program, small, and its child, the JVM: one that a signal has ended is started again, and adopts
 * the processes that it had.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/monotonic.h"
#include "fail.h"
#include "java.h"
#include "outside.h"
#include "runtime_paths.h"
#include "start_command.h"
#include "start_coordinator.h"

#define COMMAND "dmtcp_agent"
#define MAIN_CLASS "org.dmtcp.akka.agent.host.AgentMain"
#define DEATHS 5          /* in a row, each sooner after its start than CALM_MS: it is given up */
#define CALM_MS 60000
#define AGAIN_MS 1000

struct agent {
	struct coordinator_choice choice;
	struct coordinator_address address;
	struct java_command java;
	char log[PATH_MAX + 320];
};

/* Writes to the log, which a new agent begins anew. */
static int open_log(struct agent *a, struct fault *fault)
{
	char directory[PATH_MAX], inside[PATH_MAX + 2];
	int fd, ret = runtime_directory(a->choice.tmpdir, directory, sizeof(directory));

	if (ret < 0)
		return fault_set(fault, -ret, "run-directory", "%s", strerror(-ret));
	snprintf(inside, sizeof(inside), "%s/", directory);
	ret = runtime_directory_prepare(inside, fault);
	if (ret < 0)
		return ret;
	snprintf(a->log, sizeof(a->log), "%s/agent-%s-%u.log", directory, a->address.key,
		 a->address.port);
	fd = open(a->log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		fault_set(fault, errno, "run-directory", "the log %s: %s", a->log, strerror(errno));
	return fd;
}

static pid_t start_java(const struct agent *a)
{
	pid_t child = fork();

	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGTERM); /* without us nobody would start it again */
	execv(a->java.file, a->java.arguments);
	fprintf(stderr, "%s: %s\n", a->java.file, strerror(errno));
	_exit(EXIT_FAIL);
}

/* The one in the background: a session of its own, so that no Ctrl-C or hang-up reaches it. */
static void supervise(const struct agent *a, int log)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), early = 0;

	setsid();
	dup2(null, STDIN_FILENO);
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	for (;;) {
		uint64_t start = monotonic_ms();
		pid_t child = start_java(a);
		int status = 0;

		if (child < 0)
			_exit(EXIT_FAIL);
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
		if (WIFEXITED(status))
			_exit(WEXITSTATUS(status));
		early = monotonic_ms() - start < CALM_MS ? early + 1 : 0;
		fprintf(stderr, COMMAND ": signal %d has ended the agent\n", WTERMSIG(status));
		if (early >= DEATHS) {
			fprintf(stderr, COMMAND ": given up, %d times within a minute of its start; the "
				"programs run on, and the next command here starts an agent\n", early);
			_exit(EXIT_FAIL);
		}
		start_pause_ms(AGAIN_MS);
	}
}

/* 0: ready; else the status to exit with. */
static int wait_ready(struct agent *a, pid_t child)
{
	uint64_t deadline = monotonic_ms() + START_MS - 10000; /* who started us waits START_MS */

	while (monotonic_ms() < deadline) {
		int status;

		if (coordinator_answers(&a->choice, &a->address, NULL))
			return EXIT_DONE;
		if (waitpid(child, &status, WNOHANG) == child) {
			/* Another one was there first? */
			if (coordinator_answers(&a->choice, &a->address, NULL))
				return EXIT_DONE;
			start_print_log(a->log, NULL, 0);
			return WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) :
									  fail_code();
		}
		start_pause_ms(5);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	start_print_log(a->log, NULL, 0);
	fprintf(stderr, COMMAND ": error: it did not become ready in time\n");
	return fail_code();
}

int main(int argc, char **argv)
{
	char *arguments[4] = { 0 }, tree[PATH_MAX], port[12];
	struct agent a = { 0 };
	struct fault fault = { 0 };
	pid_t child;
	int log, ret;

	if (argc < 3 || argc > 4) {
		fprintf(stderr, "usage: " COMMAND " HOST PORT [TMPDIR]\n"
				"Looks after this host's processes of a computation whose "
				"coordinator is on another host.\n");
		return EXIT_USAGE;
	}
	a.choice.host = argv[1];
	a.choice.port = argv[2];
	a.choice.tmpdir = argv[3];
	outside_environment();
	if (coordinator_resolve(&a.choice, &a.address, &fault) < 0)
		goto fail;
	if (a.choice.tmpdir)
		setenv("DMTCP_TMPDIR", a.choice.tmpdir, 1); /* so that Java and we cannot differ */
	ret = runtime_tree(tree, sizeof(tree));
	if (ret < 0) {
		fault_set(&fault, -ret, "not-built", "/proc/self/exe: %s", strerror(-ret));
		goto fail;
	}
	snprintf(port, sizeof(port), "%u", a.address.port);
	arguments[0] = a.address.host;
	arguments[1] = port;
	arguments[2] = a.address.key;
	if (java_command_make(&a.java, COMMAND, tree, MAIN_CLASS, arguments, &fault) < 0)
		goto fail;
	log = open_log(&a, &fault);
	if (log < 0)
		goto fail;
	child = fork();
	if (child == 0)
		supervise(&a, log);
	if (child < 0) {
		fault_set(&fault, errno, "coordinator-start", "fork: %s", strerror(errno));
		goto fail;
	}
	return wait_ready(&a, child);
fail:
	fail_print(COMMAND, &fault);
	return fail_code();
}

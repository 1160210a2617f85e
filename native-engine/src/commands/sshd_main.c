/*
 * dmtcp_sshd: the far side of dmtcp_ssh. `--start` is what the real sshd runs: it takes the request,
 * starts itself again as a member of the computation, and has done. `--serve` is that member: it
 * runs the command and carries its standard input and output. docs/ssh.md.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../common/json.h"
#include "fail.h"
#include "runtime_paths.h"
#include "ssh_request.h"
#include "ssh_start.h"
#include "sshd_serve.h"

#define REQUEST_BYTES (1u << 20)
#define REQUEST_MS 60000

static void say(const char *key, json_t *value)
{
	json_t *message = json_pack("{s:o}", key, value);
	char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;

	if (text) {
		/* A login shell may have left an unfinished line. */
		printf("\n" SSH_LINE_START "%s\n", text);
		fflush(stdout);
	}
	free(text);
	json_decref(message);
}

static int fail(const struct fault *fault)
{
	char text[1024];

	snprintf(text, sizeof(text), "%s [%s]", fault->text, fault->id);
	say("failed", json_from_text(text));
	return fail_code();
}

/* One line of standard input. NULL with fault. */
static json_t *read_request(struct fault *fault)
{
	char *text = malloc(REQUEST_BYTES);
	size_t bytes = 0;
	json_t *request = NULL;

	while (text && bytes < REQUEST_BYTES) {
		struct pollfd ready = { .fd = STDIN_FILENO, .events = POLLIN };
		ssize_t n;

		if (poll(&ready, 1, REQUEST_MS) <= 0)
			break;
		n = read(STDIN_FILENO, text + bytes, REQUEST_BYTES - bytes);
		if (n <= 0)
			break;
		bytes += n;
		if (text[bytes - 1] == '\n') {
			request = json_loadb(text, bytes, 0, NULL);
			break;
		}
	}
	free(text);
	if (!request)
		fault_set(fault, EPROTO, "bad-request", "dmtcp_sshd got no request");
	return request;
}

/* As this host can reach it. */
static const char *coordinator_host(const json_t *request, char *out, size_t bytes)
{
	const char *connection = getenv("SSH_CONNECTION");
	const char *given = json_text(request, "coordinatorHost", NULL);

	if (given)
		return given;
	snprintf(out, bytes, "%.*s", connection ? (int)strcspn(connection, " ") : 0,
		 connection ? connection : "");
	return *out ? out : "localhost";
}

/* The request for the member, which may not see it in its arguments or environment. */
static int store(const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	int fd = memfd_create("dmtcp_sshd", 0), ret = -EIO;

	if (fd >= 0 && text && write(fd, text, strlen(text)) == (ssize_t)strlen(text))
		ret = fd;
	else if (fd >= 0)
		close(fd);
	free(text);
	return ret;
}

/* In the child, a session of its own: dmtcp_launch makes it a member. */
static void become_member(const json_t *request, int answers)
{
	char tree[PATH_MAX], launch[PATH_MAX + 32], serve[PATH_MAX + 32], host[256], number[16];
	int null = open("/dev/null", O_RDWR), fd = store(request);
	const char *arguments[] = {
		launch, "--join-coordinator", "--coord-host",
		coordinator_host(request, host, sizeof(host)), "--coord-port",
		json_text(request, "coordinatorPort", "7779"), serve, "--serve", number, NULL,
	};

	if (fd < 0 || null < 0 || runtime_tree(tree, sizeof(tree)) < 0)
		_exit(EXIT_FAIL);
	setsid();
	dup2(null, STDIN_FILENO);
	dup2(answers, STDOUT_FILENO);
	close(null);
	snprintf(launch, sizeof(launch), "%s/bin/dmtcp_launch", tree);
	snprintf(serve, sizeof(serve), "%s/bin/dmtcp_sshd", tree);
	snprintf(number, sizeof(number), "%d", fd);
	unsetenv("DMTCP_COMPUTATION_ID");
	unsetenv("DMTCP_NOCHECKPOINT");
	execv(launch, (char **)arguments);
	_exit(EXIT_FAIL);
}

/* Passes on what the member says, until it runs or has ended. True: it runs. */
static bool pass_on(int answers)
{
	char text[4096], last[64] = "";
	ssize_t n;

	while ((n = read(answers, text, sizeof(text) - 1)) > 0) {
		text[n] = 0;
		fputs(text, stdout);
		fflush(stdout);
		snprintf(last, sizeof(last), "%s", strstr(text, "\"ready\"") ? "ready" : "");
	}
	return !strcmp(last, "ready");
}

static int start(void)
{
	struct fault fault = { 0 };
	int answers[2], status = 0;
	json_t *request;
	pid_t child;

	say("hello", json_integer(1));
	request = read_request(&fault);
	if (!request || ssh_request_apply(request, &fault) < 0)
		return fail(&fault);
	if (pipe2(answers, O_CLOEXEC))
		return fail(&fault);
	child = fork();
	if (!child)
		become_member(request, answers[1]);
	close(answers[1]);
	if (child < 0 || !pass_on(answers[0])) {
		fault_set(&fault, EIO, "ssh-not-started", "dmtcp_launch has failed there");
		return fail(&fault);
	}
	if (json_flag(request, "stay", false))
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
	json_decref(request);
	return EXIT_DONE;
}

static json_t *stored_request(const char *number)
{
	int fd = atoi(number);
	json_t *request;

	if (lseek(fd, 0, SEEK_SET))
		return NULL;
	request = json_loadfd(fd, 0, NULL);
	close(fd);
	return request;
}

static int serve(const char *number)
{
	json_t *request = stored_request(number);
	struct fault fault = { 0 };
	int channels[SSH_CHANNELS], ret;

	if (!request)
		return fail_code();
	ret = sshd_connect(request, say, channels, &fault);
	if (ret < 0) {
		ret = fail(&fault);
	} else {
		say("ready", json_true());
		ret = sshd_serve(request, channels);
	}
	json_decref(request);
	return ret;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--start"))
		return start();
	if (argc == 3 && !strcmp(argv[1], "--serve"))
		return serve(argv[2]);
	fprintf(argc == 2 && !strcmp(argv[1], "--help") ? stdout : stderr,
		"Usage: dmtcp_sshd is started on other hosts by dmtcp_ssh, through ssh.\n");
	return argc == 2 && !strcmp(argv[1], "--help") ? EXIT_DONE : fail_code();
}

/* Starting the far side through the real ssh. */
#include "ssh_start.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../common/json.h"
#include "../common/monotonic.h"
#include "outside.h"
#include "runtime_paths.h"
#include "ssh_request.h"

#define LOGIN_MS 120000 /* somebody may have to type a password */
#define START_MS 120000 /* a JVM on a loaded machine */
#define REVERSE_MS 5000
#define LINE_BYTES 4096

struct start {
	const struct ssh_options *options;
	pid_t ssh;
	int to, from; /* its standard input and output */
	char line[LINE_BYTES];
	size_t line_bytes;
};

static int remote_program(char *out, size_t bytes)
{
	const char *prefix = getenv("DMTCP_REMOTE_PREFIX");
	char tree[PATH_MAX];
	int length, ret = 0;

	if (!prefix || !*prefix) {
		ret = runtime_tree(tree, sizeof(tree));
		prefix = tree;
	}
	if (ret < 0)
		return ret;
	/* In quotes, as every shell that may be somebody's login shell reads them. */
	length = snprintf(out, bytes, "'%s/bin/dmtcp_sshd' --start", prefix);
	return length < 0 || (size_t)length >= bytes || strchr(prefix, '\'') ? -ENAMETOOLONG : 0;
}

/* In the child: the real ssh, outside of the computation. */
static void become_ssh(const struct ssh_options *o, const char *command, int in, int out)
{
	const char *name = strrchr(o->program, '/');
	char **words = calloc(o->kept_count + 5, sizeof(*words));
	size_t n = 0;

	if (!words)
		_exit(SSH_REFUSED);
	words[n++] = (char *)(name ? name + 1 : o->program);
	if (strcmp(words[0], "rsh"))
		words[n++] = (char *)"-T";
	for (size_t k = 0; k < o->kept_count; k++)
		words[n++] = o->kept[k];
	words[n++] = (char *)o->host;
	words[n++] = (char *)command;
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	signal(SIGPIPE, SIG_DFL);
	outside_environment();
	execv(o->program, words);
	fprintf(stderr, "%s: %s\n", o->program, strerror(errno));
	_exit(SSH_REFUSED);
}

static int run_ssh(struct start *s, struct fault *fault)
{
	char command[PATH_MAX + 64];
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, ret;

	ret = remote_program(command, sizeof(command));
	if (ret < 0)
		return fault_set(fault, -ret, "not-built", "the path of dmtcp_sshd: %s",
				 strerror(-ret));
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		goto err_close;
	s->ssh = fork();
	if (s->ssh < 0)
		goto err_close;
	if (!s->ssh)
		become_ssh(s->options, command, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	s->to = in[1];
	s->from = out[0];
	return 0;

err_close:
	ret = fault_set(fault, errno, "out-of-memory", "starting ssh: %s", strerror(errno));
	for (int n = 0; n < 2; n++) {
		if (in[n] >= 0)
			close(in[n]);
		if (out[n] >= 0)
			close(out[n]);
	}
	return ret;
}

/*
 * The next message of the far side. What a login shell says of its own is passed over. -ETIMEDOUT;
 * -EPIPE: ssh has ended.
 */
static int next_message(struct start *s, uint32_t timeout_ms, json_t **message)
{
	uint64_t deadline = monotonic_ms() + timeout_ms;

	for (;;) {
		struct pollfd ready = { .fd = s->from, .events = POLLIN };
		uint64_t now = monotonic_ms();
		char *start;
		ssize_t n;

		if (now >= deadline)
			return -ETIMEDOUT;
		if (poll(&ready, 1, (int)(deadline - now)) <= 0)
			continue;
		n = read(s->from, s->line + s->line_bytes, 1);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return -EPIPE;
		if (s->line[s->line_bytes] != '\n') {
			s->line_bytes = (s->line_bytes + 1) % (LINE_BYTES - 1);
			continue;
		}
		s->line[s->line_bytes] = 0;
		s->line_bytes = 0;
		start = strstr(s->line, SSH_LINE_START);
		*message = start ? json_loads(start + strlen(SSH_LINE_START), 0, NULL) : NULL;
		if (*message)
			return 0;
	}
}

/* ssh's exit status; -ETIMEDOUT: it had to be killed; -ECHILD: it went with a restart. */
static int reap(struct start *s)
{
	uint64_t deadline = monotonic_ms() + 10000;
	int status;
	pid_t got;

	close(s->to);
	close(s->from);
	s->to = s->from = -1;
	while (!(got = waitpid(s->ssh, &status, WNOHANG)) || (got < 0 && errno == EINTR)) {
		const struct timespec pause = { .tv_nsec = 2000000 };

		if (monotonic_ms() >= deadline)
			kill(s->ssh, SIGKILL);
		nanosleep(&pause, NULL);
	}
	if (got < 0)
		return -errno;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return WTERMSIG(status) == SIGKILL ? -ETIMEDOUT : SSH_REFUSED;
}

static int send_request(struct start *s, const json_t *request, struct fault *fault)
{
	char *text = json_dumps(request, JSON_COMPACT);
	size_t bytes = text ? strlen(text) : 0, done = 0;
	int ret = 0;

	if (!text)
		return fault_set(fault, ENOMEM, "out-of-memory", "the request to the far side");
	text[bytes++] = '\n'; /* in place of the terminator */
	while (done < bytes && !ret) {
		ssize_t n = write(s->to, text + done, bytes - done);

		if (n > 0)
			done += n;
		else if (errno != EINTR)
			ret = fault_set(fault, errno, "ssh-not-started", "ssh: %s", strerror(errno));
	}
	free(text);
	return ret;
}

/* Has the far side something to say, instead of a connection? */
static bool has_news(void *context)
{
	const struct start *s = context;
	struct pollfd ready = { .fd = s->from, .events = POLLIN };

	return poll(&ready, 1, 0) > 0;
}

/* It could not reach us: perhaps we can reach it. */
static int connect_back(const json_t *message, const struct ssh_tokens *tokens,
			struct ssh_link *link)
{
	const json_t *there = json_object_get(message, "listen");
	const json_t *addresses = json_object_get(there, "addresses");
	int ret = -EHOSTUNREACH;

	for (size_t n = 0; n < json_array_size(addresses) && ret; n++)
		ret = ssh_connect(json_string_value(json_array_get(addresses, n)),
				  json_number(there, "port", 0), tokens, REVERSE_MS,
				  link->channels);
	return ret;
}

/* The far side has the request: waits for its connections. */
static int await_channels(struct start *s, int listener, const struct ssh_tokens *tokens,
			  struct ssh_link *link, struct fault *fault)
{
	json_t *message = NULL;
	const char *reason;
	int ret;

	ret = ssh_accept(listener, tokens, START_MS, has_news, s, link->channels);
	while (ret == -EPIPE) {
		ret = next_message(s, START_MS, &message);
		if (ret)
			break;
		reason = json_text(message, "failed", NULL);
		if (reason) {
			ret = fault_set(fault, EREMOTEIO, "ssh-not-started", "%s", reason);
			json_decref(message);
			return ret;
		}
		if (!json_object_get(message, "listen")) {
			json_decref(message);
			ret = -EPROTO;
			break;
		}
		ret = connect_back(message, tokens, link);
		json_decref(message);
		if (ret)
			return fault_set(fault, -ret, "ssh-unreachable",
					 "no TCP connection between this host and %s, in neither "
					 "direction: %s", s->options->host, strerror(-ret));
	}
	return ret ? fault_set(fault, -ret, "ssh-not-started", "no answer from %s: %s",
			       s->options->host, strerror(-ret)) : 0;
}

/* One try. */
static int converse(struct start *s, struct ssh_link *link, struct fault *fault)
{
	struct ssh_tokens tokens;
	json_t *message = NULL, *request = NULL;
	uint16_t port = 0;
	int listener, ret;

	listener = ssh_listen(&port);
	ret = listener < 0 ? listener : ssh_tokens_make(&tokens);
	if (ret)
		return fault_set(fault, -ret, "ssh-not-started", "listening: %s", strerror(-ret));
	ret = run_ssh(s, fault);
	if (ret)
		goto out;
	ret = next_message(s, LOGIN_MS, &message);
	json_decref(message);
	if (ret) {
		fault_set(fault, -ret, "ssh-not-started", "no dmtcp_sshd answers on %s",
			  s->options->host);
		goto out;
	}
	request = ssh_request_make(s->options, link->terminal, &tokens, port, fault);
	ret = request ? send_request(s, request, fault) : -ENOMEM;
	json_decref(request);
	if (!ret)
		ret = await_channels(s, listener, &tokens, link, fault);
out:
	close(listener);
	return ret;
}

int ssh_start(const struct ssh_options *o, struct ssh_link *link, struct fault *fault)
{
	for (;;) {
		struct start s = { .options = o, .to = -1, .from = -1 };
		int ret = converse(&s, link, fault), status;

		if (!ret) {
			/* Its end is seen later, by whoever waits for children. */
			close(s.to);
			close(s.from);
			return SSH_RUNS;
		}
		if (s.to < 0)
			return ret;
		status = reap(&s);
		if (status == SSH_REFUSED)
			return SSH_REFUSED;
		if (status != -ECHILD)
			return ret;
		memset(fault, 0, sizeof(*fault)); /* a restart brought us back without our ssh */
	}
}

/* The member on the far side of an ssh: its connections, and the command. */
#include "sshd_serve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pty.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmp.h>

#include "../common/json.h"
#include "fail.h"
#include "ssh_frames.h"
#include "ssh_relay.h"
#include "ssh_request.h"
#include "ssh_start.h"

#define CONNECT_MS 3000  /* per address */
#define REVERSE_MS 20000
#define FAREWELL_MS 60000 /* for the other side to take the last bytes */

struct service {
	struct ssh_flow in, out, error;
	struct ssh_frames control;
	int master; /* of the command's terminal, -1: none */
	pid_t command;
	bool gone; /* the command has ended */
	int status;
	bool out_closed, error_closed, told_no_input;
};

/* ---- the connections ---- */

/* Field @n of SSH_CONNECTION: client, its port, server, its port. */
static void connection_field(int n, char *out, size_t bytes)
{
	const char *text = getenv("SSH_CONNECTION");

	while (text && n--) {
		text = strchr(text, ' ');
		text = text ? text + 1 : NULL;
	}
	snprintf(out, bytes, "%.*s", text ? (int)strcspn(text, " ") : 0, text ? text : "");
}

int sshd_connect(const json_t *request, void (*say)(const char *key, json_t *value),
		 int channels[SSH_CHANNELS], struct fault *fault)
{
	const json_t *addresses = json_object_get(request, "addresses");
	uint16_t port = json_number(request, "port", 0), own_port;
	int ret = -EHOSTUNREACH, listener;
	struct ssh_tokens tokens;
	char address[256];

	if (strlen(json_text(request, "token", "")) != 4 * SSH_TOKEN_BYTES ||
	    ssh_tokens_read(&tokens, json_text(request, "token", "")))
		return fault_set(fault, EPROTO, "bad-request", "a token of another length");
	connection_field(0, address, sizeof(address));
	if (*address)
		ret = ssh_connect(address, port, &tokens, CONNECT_MS, channels);
	for (size_t n = 0; n < json_array_size(addresses) && ret; n++)
		ret = ssh_connect(json_string_value(json_array_get(addresses, n)), port, &tokens,
				  CONNECT_MS, channels);
	if (!ret)
		return 0;
	listener = ssh_listen(&own_port);
	if (listener >= 0) {
		json_t *own;

		connection_field(2, address, sizeof(address));
		own = json_pack("{s:i, s:[s]}", "port", own_port, "addresses", address);
		say("listen", own);
		ret = ssh_accept(listener, &tokens, REVERSE_MS, NULL, NULL, channels);
		close(listener);
	}
	return ret ? fault_set(fault, -ret, "ssh-unreachable",
			       "no TCP connection between the two hosts, in neither direction: %s",
			       strerror(-ret)) : 0;
}

/* ---- the command ---- */

/* In the child. */
static void become_command(const json_t *request)
{
	const struct passwd *user = getpwuid(getuid());
	char *command = ssh_request_command(request), login[PATH_MAX + 1];
	const char *shell = getenv("SHELL"), *name;
	sigset_t none;

	if (!shell || !*shell)
		shell = user && *user->pw_shell ? user->pw_shell : "/bin/sh";
	name = strrchr(shell, '/') ? strrchr(shell, '/') + 1 : shell;
	for (int n = 1; n < NSIG; n++)
		signal(n, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	unsetenv("SHLVL"); /* for bash this shell is the first one, as under sshd */
	if (command) {
		execl(shell, name, "-c", command, NULL);
	} else {
		snprintf(login, sizeof(login), "-%s", name);
		execl(shell, login, NULL);
	}
	fprintf(stderr, "%s: %s\n", shell, strerror(errno));
	_exit(127);
}

static int run_on_terminal(struct service *s, const json_t *request)
{
	const char *name = json_text(request, "terminalName", NULL);
	char path[64] = "";
	int slave;

	if (openpty(&s->master, &slave, path, NULL, NULL))
		return -errno;
	fcntl(s->master, F_SETFD, FD_CLOEXEC);
	fcntl(slave, F_SETFD, FD_CLOEXEC);
	ssh_terminal_apply(s->master, json_object_get(request, "modes"));
	s->command = fork();
	if (!s->command) {
		setenv("SSH_TTY", path, 1);
		if (name)
			setenv("TERM", name, 1);
		login_tty(slave);
		become_command(request);
	}
	close(slave);
	if (s->command < 0)
		return -errno;
	s->in.to = s->out.from = s->master;
	s->error.read_end = true;
	return 0;
}

static int run_on_pipes(struct service *s, const json_t *request)
{
	int ends[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } }, ret = 0;

	for (int n = 0; n < 3; n++)
		if (pipe2(ends[n], O_CLOEXEC))
			ret = -errno;
	s->command = ret ? -1 : fork();
	if (!s->command) {
		setsid();
		dup2(ends[0][0], STDIN_FILENO);
		dup2(ends[1][1], STDOUT_FILENO);
		dup2(ends[2][1], STDERR_FILENO);
		become_command(request);
	}
	if (s->command < 0 && !ret)
		ret = -errno;
	close(ends[0][0]);
	close(ends[1][1]);
	close(ends[2][1]);
	s->in.to = ends[0][1];
	s->out.from = ends[1][0];
	s->error.from = ends[2][0];
	return ret;
}

static void close_flow_end(int *fd, int master)
{
	if (*fd >= 0 && *fd != master)
		close(*fd);
	*fd = -1;
}

static void take_frame(struct service *s, const struct ssh_frame *f)
{
	struct winsize w = { f->a >> 16, f->a, f->b >> 16, f->b };
	struct ssh_flow *output = f->a ? &s->error : &s->out;

	if (f->type == SSH_WINDOW && s->master >= 0) {
		ioctl(s->master, TIOCSWINSZ, &w);
	} else if (f->type == SSH_STOP && s->master < 0) {
		close_flow_end(&output->from, -1); /* the command finds a broken pipe */
		output->read_end = output->write_end = true;
	}
}

static void reap(struct service *s)
{
	int status;

	if (s->gone || waitpid(s->command, &status, WNOHANG) != s->command)
		return;
	s->gone = true;
	s->status = WIFEXITED(status) ? WEXITSTATUS(status) : SSH_REFUSED;
}

/* What follows from the state that the flows have come to. */
static void settle(struct service *s, const int channels[SSH_CHANNELS])
{
	/* Who holds the terminal beyond the command's end is not waited for, as by sshd. */
	if (s->gone && s->master >= 0 && !s->out.read_end) {
		struct pollfd ready = { .fd = s->master, .events = POLLIN };

		if (poll(&ready, 1, 0) <= 0)
			s->out.read_end = true;
	}
	if (s->in.write_end && !s->told_no_input) {
		s->told_no_input = true;
		ssh_frames_put(&s->control, SSH_NO_INPUT, 0, 0);
	}
	if (ssh_flow_done(&s->in) && s->master < 0)
		close_flow_end(&s->in.to, s->master);
	if (ssh_flow_done(&s->out) && !s->out_closed) {
		s->out_closed = true;
		shutdown(channels[SSH_IO], SHUT_WR);
	}
	if (ssh_flow_done(&s->error) && !s->error_closed) {
		s->error_closed = true;
		shutdown(channels[SSH_ERROR], SHUT_WR);
	}
}

static void on_child(int signal)
{
	(void)signal;
}

static void turn(struct service *s, const int channels[SSH_CHANNELS])
{
	struct ssh_flow *flows[] = { &s->in, &s->out, &s->error };
	struct pollfd ready[7];
	struct ssh_frame frame;
	sigset_t none;

	sigemptyset(&none);
	for (int n = 0; n < 3; n++)
		ssh_flow_wants(flows[n], &ready[2 * n]);
	ready[6] = (struct pollfd){ .fd = s->control.fd,
				    .events = ssh_frames_wants(&s->control) };
	if (ppoll(ready, 7, NULL, &none) < 0)
		memset(ready, 0, sizeof(ready));
	for (int n = 0; n < 3; n++)
		ssh_flow_turn(flows[n], &ready[2 * n], NULL, NULL);
	while (ssh_frames_turn(&s->control, &frame))
		take_frame(s, &frame);
	reap(s);
	settle(s, channels);
}

/* Tells the end, and stays until the other side has read it: closing earlier could reset it. */
static void farewell(struct service *s)
{
	struct ssh_frame frame;

	ssh_frames_put(&s->control, SSH_EXIT, s->status, 0);
	for (int rounds = FAREWELL_MS / 100; rounds && !s->control.lost; rounds--) {
		struct pollfd ready = { .fd = s->control.fd,
					.events = ssh_frames_wants(&s->control) };

		poll(&ready, 1, 100);
		while (ssh_frames_turn(&s->control, &frame))
			;
	}
}

int sshd_serve(const json_t *request, int channels[SSH_CHANNELS])
{
	static struct service s = { .master = -1 }; /* large */
	struct sigaction action = { .sa_handler = on_child };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), ret;
	sigset_t blocked;

	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGCHLD, &action, NULL);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	/* From here on nothing of the real ssh is held. */
	for (int n = 0; n <= STDERR_FILENO; n++)
		dup2(null, n);
	close(null);
	s.in.from = s.out.to = channels[SSH_IO];
	s.error.to = channels[SSH_ERROR];
	s.control.fd = channels[SSH_CONTROL];
	ret = json_flag(request, "terminal", false) ? run_on_terminal(&s, request) :
						      run_on_pipes(&s, request);
	if (ret)
		return fail_code();
	while (!s.control.lost && !(s.gone && s.out_closed && s.error_closed))
		turn(&s, channels);
	if (!s.control.lost)
		farewell(&s);
	return EXIT_DONE;
}

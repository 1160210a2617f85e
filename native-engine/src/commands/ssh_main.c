/*
 * dmtcp_ssh: takes the place of ssh and rsh inside a computation (libdmtcp.so sees to that). The
 * command on the other host becomes a member too, and its standard input and output run over
 * connections that a checkpoint can save: docs/ssh.md.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "fail.h"
#include "ssh_frames.h"
#include "ssh_relay.h"
#include "ssh_start.h"

struct session {
	const struct ssh_options *options;
	struct ssh_flow in, out, error;
	struct ssh_frames control;
	bool terminal, raw, input_ended, told_stop[2];
	bool ended; /* the command has */
	int status;
	struct termios before;
	/* of `~.` */
	bool line_start, escaped, disconnect;
};

static volatile sig_atomic_t resized, terminated;

static void on_signal(int signal)
{
	if (signal == SIGWINCH)
		resized = 1;
	else if (signal != SIGCHLD)
		terminated = signal;
}

static void catch_signals(bool terminal)
{
	struct sigaction action = { .sa_handler = on_signal };
	static const int fatal[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
	sigset_t blocked; /* but while waiting */

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	sigaction(SIGCHLD, &action, NULL);
	if (terminal) { /* else they end us, and with that the connections */
		sigaddset(&blocked, SIGWINCH);
		sigaction(SIGWINCH, &action, NULL);
	}
	for (size_t n = 0; terminal && n < sizeof(fatal) / sizeof(*fatal); n++) {
		sigaddset(&blocked, fatal[n]);
		sigaction(fatal[n], &action, NULL);
	}
	sigprocmask(SIG_SETMASK, &blocked, NULL);
}

static void make_raw(struct session *s)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &s->before))
		return;
	raw = s->before;
	cfmakeraw(&raw);
	s->raw = !tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}

static void make_cooked(struct session *s)
{
	if (s->raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &s->before);
	s->raw = false;
}

static void send_window(struct session *s)
{
	struct winsize w;

	if (!ioctl(STDIN_FILENO, TIOCGWINSZ, &w))
		ssh_frames_put(&s->control, SSH_WINDOW, (uint32_t)w.ws_row << 16 | w.ws_col,
			       (uint32_t)w.ws_xpixel << 16 | w.ws_ypixel);
}

/* `~.` at the start of a line ends the connection, `~~` is one `~`: ssh(1), escape characters. */
static long filter_escapes(void *context, char *data, size_t bytes)
{
	struct session *s = context;
	static char out[SSH_FLOW_BYTES + 1]; /* one may have been held back before */
	size_t n = 0;

	for (size_t i = 0; i < bytes; i++) {
		char c = data[i];

		if (s->escaped) {
			s->escaped = false;
			if (c == '.') {
				s->disconnect = true;
				return -1;
			}
			if (c != s->options->escape)
				out[n++] = s->options->escape;
		} else if (s->line_start && c == s->options->escape) {
			s->escaped = true;
			s->line_start = false;
			continue;
		}
		out[n++] = c;
		s->line_start = c == '\r' || c == '\n';
	}
	memcpy(data, out, n);
	return n;
}

static void take_frame(struct session *s, const struct ssh_frame *f)
{
	switch (f->type) {
	case SSH_EXIT:
		s->ended = true;
		s->status = f->a;
		break;
	case SSH_NO_INPUT:
		s->in.read_end = s->in.write_end = true;
		break;
	}
}

/* What follows from the state that the flows have come to. */
static void settle(struct session *s)
{
	const struct ssh_flow *outputs[] = { &s->out, &s->error };

	if (!s->input_ended && ssh_flow_done(&s->in)) {
		s->input_ended = true;
		shutdown(s->in.to, SHUT_WR);
	}
	for (uint32_t n = 0; n < 2; n++) {
		if (!outputs[n]->write_end || s->told_stop[n])
			continue;
		s->told_stop[n] = true;
		ssh_frames_put(&s->control, SSH_STOP, n, 0);
	}
}

static void turn(struct session *s)
{
	struct ssh_flow *flows[] = { &s->in, &s->out, &s->error };
	struct pollfd ready[7];
	struct ssh_frame frame;
	sigset_t none;

	sigemptyset(&none);
	for (int n = 0; n < 3; n++)
		ssh_flow_wants(flows[n], &ready[2 * n]);
	ready[6] = (struct pollfd){ .fd = s->control.lost ? -1 : s->control.fd,
				    .events = ssh_frames_wants(&s->control) };
	if (ppoll(ready, 7, NULL, &none) < 0)
		memset(ready, 0, sizeof(ready));
	while (waitpid(-1, NULL, WNOHANG) > 0)
		; /* the real ssh */
	if (resized) {
		resized = 0;
		send_window(s);
	}
	for (int n = 0; n < 3; n++)
		ssh_flow_turn(flows[n], &ready[2 * n],
			      !n && s->raw && s->options->escape ? filter_escapes : NULL, s);
	while (ssh_frames_turn(&s->control, &frame))
		take_frame(s, &frame);
	settle(s);
}

static int finish(struct session *s)
{
	const char *host = strrchr(s->options->host, '@');

	make_cooked(s);
	if (!terminated && !s->options->quiet && (s->terminal || !s->ended))
		fprintf(stderr, "Connection to %s closed%s.\r\n", host ? host + 1 : s->options->host,
			s->ended || s->disconnect ? "" : " by remote host");
	return s->ended ? s->status : SSH_REFUSED;
}

static int relay(const struct ssh_options *o, const struct ssh_link *link)
{
	static struct session s; /* large */
	bool over = false;

	s.options = o;
	s.line_start = true;
	s.terminal = link->terminal;
	s.in.from = o->stdin_null ? -1 : STDIN_FILENO;
	s.in.read_end = o->stdin_null;
	s.in.to = s.out.from = link->channels[SSH_IO];
	s.out.to = STDOUT_FILENO;
	s.error.from = link->channels[SSH_ERROR];
	s.error.to = STDERR_FILENO;
	s.control.fd = link->channels[SSH_CONTROL];
	catch_signals(link->terminal);
	if (link->terminal)
		make_raw(&s);
	settle(&s);
	while (!over && !terminated && !s.disconnect) {
		turn(&s);
		over = (s.ended || s.control.lost) && ssh_flow_done(&s.out) &&
		       ssh_flow_done(&s.error);
	}
	return finish(&s);
}

/* The real one, in our place: with the arguments that we were given. */
static int become(char **argv)
{
	char *program = argv[0], *name = strrchr(program, '/');

	setenv("DMTCP_SSH_PLUGIN", "0", 1);
	if (name)
		argv[0] = name + 1;
	execv(program, argv);
	fprintf(stderr, "%s: %s\n", program, strerror(errno));
	return 127;
}

/* As ssh decides it, ssh(1) on -t and -T. */
static bool wants_terminal(const struct ssh_options *o)
{
	bool wanted = o->terminal > 0 || (!o->terminal && !o->command);

	if (!wanted || o->terminal == 2)
		return wanted;
	if (!o->stdin_null && isatty(STDIN_FILENO))
		return true;
	if (!o->quiet)
		fprintf(stderr, "Pseudo-terminal will not be allocated because stdin is not a "
			"terminal.\n");
	return false;
}

static char **copy(char **words)
{
	size_t count = 0;
	char **out;

	while (words[count])
		count++;
	out = calloc(count + 1, sizeof(*out));
	for (size_t n = 0; out && n < count; n++)
		if (!(out[n] = strdup(words[n])))
			return NULL;
	return out;
}

static int run(char **argv)
{
	struct ssh_link link = { .channels = { -1, -1, -1 } };
	struct fault fault = { 0 };
	struct ssh_options o;
	char **words = copy(argv);
	int ret;

	closefrom(STDERR_FILENO + 1); /* as ssh does */
	if (!words || ssh_options_read(words, &o) || !o.runs)
		return become(argv);
	link.terminal = wants_terminal(&o);
	ret = ssh_start(&o, &link, &fault);
	if (ret < 0) {
		fail_print("dmtcp_ssh", &fault);
		fprintf(stderr, "dmtcp_ssh: warning: plain ssh is used: what it runs on %s is not part "
			"of the computation and will not be restarted\n", o.host);
		return become(argv);
	}
	if (ret == SSH_REFUSED)
		return SSH_REFUSED;
	if (o.background) {
		pid_t child = fork();

		if (child > 0)
			return EXIT_DONE;
		if (!child)
			setsid();
	}
	ret = relay(&o, &link);
	ssh_options_free(&o);
	return ret;
}

int main(int argc, char **argv)
{
	if (argc >= 2 && strchr(argv[1], '/'))
		return run(argv + 1);
	fprintf(argc == 2 && !strcmp(argv[1], "--help") ? stdout : stderr,
		"Usage: dmtcp_ssh /PATH/OF/SSH [OPTIONS] HOST [COMMAND...]\n"
		"Stands for ssh inside a computation; programs that start ssh or rsh get it by "
		"themselves.\n");
	return argc == 2 && !strcmp(argv[1], "--help") ? EXIT_DONE : fail_code();
}

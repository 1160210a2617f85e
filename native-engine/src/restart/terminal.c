#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../common/monotonic.h"
#include "../descriptor/pty_names.h"

#define FOREGROUND_LOOK_MS 200 /* how often a background command looks whether it is in front now */
#define DRAIN_MS 300
#define MASTER_TRIES 256

/*
 * The device number of a terminal tells it from all others of a computation (/proc/PID/stat), but
 * not from those of another devpts: ours has a number that none of the images has.
 */
static int open_master(const struct image_set *set)
{
	int extra[MASTER_TRIES], count = 0, fd;
	unsigned int number = 0;

	for (;;) {
		fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0 || count == MASTER_TRIES || ioctl(fd, TIOCGPTN, &number) ||
		    !pty_number_in_images(set->images, set->count, number))
			break;
		extra[count++] = fd;
	}
	while (count)
		close(extra[--count]);
	return fd;
}

int terminal_open(struct terminal *t, const struct image_set *set, struct fault *fault)
{
	t->master = open_master(set);
	if (t->master < 0 || grantpt(t->master) || unlockpt(t->master) ||
	    ptsname_r(t->master, t->path, sizeof(t->path)))
		return fault_set(fault, errno, "no-terminal", "no pseudo terminal: %s",
				 strerror(errno));
	t->slave = open(t->path, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (t->slave < 0)
		return fault_set(fault, errno, "no-terminal", "%s: %s", t->path, strerror(errno));
	t->user_terminal = tcgetattr(STDIN_FILENO, &t->saved) == 0;
	t->plain_newlines = !isatty(STDOUT_FILENO);
	terminal_resize(t);
	return 0;
}

void terminal_adopt(struct terminal *t, int master)
{
	*t = (struct terminal){ .master = master, .slave = -1, .input_ended = true };
	t->user_terminal = master >= 0 && tcgetattr(STDIN_FILENO, &t->saved) == 0;
	t->plain_newlines = true;
}

void terminal_recover(struct terminal *t)
{
	struct termios now, raw = t->saved;

	cfmakeraw(&raw);
	if (t->user_terminal && tcgetattr(STDIN_FILENO, &now) == 0 &&
	    now.c_lflag == raw.c_lflag && now.c_iflag == raw.c_iflag && now.c_oflag == raw.c_oflag)
		tcsetattr(STDIN_FILENO, TCSANOW, &t->saved);
}

static bool in_foreground(void)
{
	return tcgetpgrp(STDIN_FILENO) == getpgrp();
}

void terminal_resize(struct terminal *t)
{
	struct winsize size;

	if (t->master < 0)
		return;
	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		return;
	ioctl(t->master, TIOCSWINSZ, &size);
}

void terminal_take(struct terminal *t)
{
	struct termios raw;

	if (t->master < 0 || !t->user_terminal || t->raw || !in_foreground())
		return;
	if (tcgetattr(STDIN_FILENO, &t->saved))
		return;
	raw = t->saved;
	cfmakeraw(&raw);
	t->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
	terminal_resize(t);
}

void terminal_give_back(struct terminal *t)
{
	if (!t->raw)
		return;
	t->raw = false;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &t->saved); /* SIGTTOU is blocked */
}

void terminal_signal_foreground(struct terminal *t, int signal_number)
{
	pid_t group;

	/* Seen from here: the kernel translates the number between the pid namespaces. */
	if (t->master >= 0 && ioctl(t->master, TIOCGPGRP, &group) == 0 && group > 1)
		kill(-group, signal_number);
}

void terminal_hang_up(struct terminal *t)
{
	terminal_give_back(t);
	if (t->master >= 0)
		close(t->master);
	if (t->slave >= 0)
		close(t->slave);
	t->master = t->slave = -1;
	t->hung_up = true;
}

static bool empty(const struct terminal_stream *s)
{
	return s->from == s->to;
}

void terminal_wait_for(struct terminal *t, struct pollfd waiting[3], int *timeout_ms)
{
	bool readable = !t->input_ended && (!t->user_terminal || t->raw);

	for (int i = 0; i < 3; i++)
		waiting[i] = (struct pollfd){ .fd = -1 };
	if (t->master < 0)
		return;
	if (t->user_terminal && !t->raw && !t->input_ended &&
	    (*timeout_ms < 0 || *timeout_ms > FOREGROUND_LOOK_MS))
		*timeout_ms = FOREGROUND_LOOK_MS;
	if (readable && empty(&t->in))
		waiting[0] = (struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN };
	waiting[1].fd = t->master;
	waiting[1].events = (empty(&t->out) ? POLLIN : 0) | (empty(&t->in) ? 0 : POLLOUT);
	if (!empty(&t->out))
		waiting[2] = (struct pollfd){ .fd = STDOUT_FILENO, .events = POLLOUT };
}

static void read_input(struct terminal *t)
{
	ssize_t bytes = read(STDIN_FILENO, t->in.data, sizeof(t->in.data));
	struct termios modes;

	if (bytes < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	t->in.from = 0;
	t->in.to = bytes > 0 ? bytes : 0;
	if (bytes > 0)
		return;
	t->input_ended = true;
	if (t->user_terminal) {
		terminal_hang_up(t);
		return;
	}
	/*
	 * A file or pipe ends: what a person would type then. Line editors read it by themselves.
	 */
	if (tcgetattr(t->master, &modes) == 0 && modes.c_cc[VEOF] != _POSIX_VDISABLE)
		t->in.data[t->in.to++] = modes.c_cc[VEOF];
}

static bool output_adds_returns(const struct terminal *t)
{
	struct termios modes;

	return tcgetattr(t->master, &modes) == 0 && (modes.c_oflag & OPOST) &&
	       (modes.c_oflag & ONLCR);
}

/* The pty's "\r\n" is for terminals: a file or pipe gets what the program wrote. */
static void put_output(struct terminal *t, const char *data, size_t bytes)
{
	/* A user's terminal in its ordinary mode, not in ours, adds its own. */
	bool plain = (t->plain_newlines || !t->raw) && output_adds_returns(t);

	t->out.from = t->out.to = 0;
	for (size_t i = 0; i < bytes; i++) {
		if (t->return_held && data[i] != '\n')
			t->out.data[t->out.to++] = '\r';
		t->return_held = plain && data[i] == '\r';
		if (!t->return_held)
			t->out.data[t->out.to++] = data[i];
	}
	if (t->output_lost)
		t->out.from = t->out.to;
}

static void read_output(struct terminal *t)
{
	char data[TERMINAL_BUFFER_BYTES - 1]; /* a held return may come on top */
	ssize_t bytes = read(t->master, data, sizeof(data));

	if (bytes > 0)
		put_output(t, data, bytes);
}

static void write_stream(int fd, struct terminal_stream *s, bool *lost)
{
	ssize_t bytes = write(fd, s->data + s->from, s->to - s->from);

	if (bytes > 0) {
		s->from += bytes;
	} else if (bytes < 0 && errno != EAGAIN && errno != EINTR) {
		*lost = true;
		s->from = s->to;
	}
}

void terminal_pump(struct terminal *t, const struct pollfd waiting[3])
{
	bool lost = false, refused = false;

	if (t->master < 0)
		return;
	/* Without a slave of ours: everyone has closed it. */
	if (t->slave < 0 && (waiting[1].revents & (POLLIN | POLLHUP)) == POLLHUP) {
		close(t->master);
		t->master = -1;
		close(STDOUT_FILENO);
		return;
	}
	if (!t->input_ended)
		terminal_take(t);
	if (waiting[0].fd >= 0 && waiting[0].revents &&
	    (!t->user_terminal || in_foreground() || (waiting[0].revents & (POLLHUP | POLLERR))))
		read_input(t);
	if (t->master < 0)
		return;
	if (waiting[1].revents & POLLOUT)
		write_stream(t->master, &t->in, &refused);
	if (waiting[1].revents & POLLIN)
		read_output(t);
	if (waiting[2].fd >= 0 && waiting[2].revents) {
		write_stream(STDOUT_FILENO, &t->out, &lost);
		if (lost) /* nobody sees this terminal any more */
			terminal_hang_up(t);
	}
}

static void write_out(struct terminal *t)
{
	while (!empty(&t->out) && !t->output_lost)
		write_stream(STDOUT_FILENO, &t->out, &t->output_lost);
}

/* Bytes at the end of @data that could be the beginning of @mark. */
static size_t mark_begun(const char *data, size_t bytes, const char *mark, size_t mark_bytes)
{
	size_t n = bytes < mark_bytes ? bytes : mark_bytes;

	while (n && memcmp(data + bytes - n, mark, n))
		n--;
	return n;
}

/*
 * What a process writes to its terminal reaches the master by way of a work queue, later
 * (drivers/tty/tty_buffer.c). A mark of our own, written behind it, tells when all has come.
 */
void terminal_drain(struct terminal *t)
{
	static const char mark[] = { 0, 1, 0, 2 };
	char data[TERMINAL_BUFFER_BYTES - 1];
	uint64_t deadline = monotonic_ms() + DRAIN_MS;
	size_t held = 0;

	if (t->master < 0)
		return;
	write_out(t);
	if (write(t->slave, mark, sizeof(mark)) != sizeof(mark))
		deadline = monotonic_ms(); /* stopped by Ctrl-S: what is there, not more */
	do {
		struct pollfd master = { .fd = t->master, .events = POLLIN };
		ssize_t bytes;

		poll(&master, 1, 10);
		while (held < sizeof(mark) &&
		       (bytes = read(t->master, data + held, sizeof(data) - held)) > 0) {
			size_t all = held + bytes;

			held = mark_begun(data, all, mark, sizeof(mark));
			put_output(t, data, all - held);
			write_out(t);
			memmove(data, data + all - held, held);
		}
	} while (held < sizeof(mark) && monotonic_ms() < deadline);
}

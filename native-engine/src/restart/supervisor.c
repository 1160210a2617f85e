#include "supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/membership.h"
#include "../common/proc.h"
#include "holder.h"
#include "message.h"

struct supervisor {
	int control_fd; /* -1: the front has gone */
	int report_fd; /* -1: there is no holder, or no longer */
	int signal_fd;
	pid_t root; /* 0: it has ended */
	struct terminal *terminal;
};

/* The one that the user sees has gone: with kill -9, since it passes on every other signal. */
static void lose_front(struct supervisor *s)
{
	close(s->control_fd);
	s->control_fd = -1;
	if (!s->root)
		return;
	terminal_recover(s->terminal);
	kill(s->root, SIGKILL);
}

static void tell_front(struct supervisor *s, const struct message *m)
{
	if (m->type == MESSAGE_CHILD && m->pid == s->root &&
	    (m->code == CLD_EXITED || m->code == CLD_KILLED || m->code == CLD_DUMPED))
		s->root = 0;
	if (s->control_fd >= 0 && message_send(s->control_fd, m) == -EPIPE)
		lose_front(s);
}

/* Passes on what became of children, our own and the holders'. Was there anything? */
static bool collect(struct supervisor *s)
{
	struct message m;
	siginfo_t info;
	bool any = false;
	int ret = -EAGAIN;

	while (s->report_fd >= 0 && (ret = message_receive(s->report_fd, &m, 0)) == 0) {
		if (m.type == MESSAGE_CHILD)
			tell_front(s, &m);
		any = true;
	}
	if (ret == -EPIPE) { /* for ever: poll(2) would return at once from here on */
		close(s->report_fd);
		s->report_fd = -1;
	}
	for (;;) {
		m = (struct message){ .type = MESSAGE_CHILD };

		info.si_pid = 0;
		if (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WCONTINUED | WNOHANG | __WALL) ||
		    !info.si_pid)
			return any;
		m.pid = info.si_pid;
		m.code = info.si_code;
		m.status = info.si_status;
		tell_front(s, &m);
		any = true;
	}
}

/* Is there a process that is not one of ours? When /proc cannot be read we stay. */
static bool anyone_left(void)
{
	struct pid_list all = { 0 };
	bool found = false;
	size_t i;

	if (proc_all(&all) < 0)
		found = true;
	for (i = 0; i < all.count && !found; i++) {
		struct proc_stat stat;

		if (all.pids[i] == 1 || proc_stat(all.pids[i], &stat) < 0)
			continue;
		found = strcmp(stat.comm, HOLDER_NAME) != 0;
	}
	pid_list_free(&all);
	return found;
}

static void obey(struct supervisor *s)
{
	struct message m;
	int ret = message_receive(s->control_fd, &m, 0);

	if (ret == -EPIPE)
		lose_front(s);
	else if (ret == 0 && m.type == MESSAGE_SIGNAL && m.pid != 0 && m.pid != -1)
		kill(m.pid, m.code);
	else if (ret == 0 && m.type == MESSAGE_HANG_UP)
		terminal_hang_up(s->terminal);
}

void supervisor_run(int control_fd, int report_fd, pid_t root, struct terminal *terminal)
{
	struct supervisor s = { .control_fd = control_fd, .report_fd = report_fd, .root = root,
				.terminal = terminal };
	struct signalfd_siginfo signals[8];
	struct message m;
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	s.signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	for (;;) {
		struct pollfd waiting[] = {
			{ .fd = s.signal_fd, .events = POLLIN },
			{ .fd = s.report_fd, .events = POLLIN },
			{ .fd = s.control_fd, .events = POLLIN },
			{ .fd = -1 }, { .fd = -1 }, { .fd = -1 },
		};
		int timeout_ms = s.signal_fd < 0 ? 1000 : -1;
		bool news = collect(&s);

		if (!anyone_left()) {
			collect(&s); /* all are told before they go: the last ones meanwhile */
			_exit(0);
		}
		m = (struct message){ .type = MESSAGE_STAYS };
		if (news)
			tell_front(&s, &m);
		if (s.control_fd < 0)
			terminal_wait_for(terminal, waiting + 3, &timeout_ms);
		/* Without a signalfd (no memory) children are looked for every second. */
		poll(waiting, 6, timeout_ms);
		if (s.control_fd < 0)
			terminal_pump(terminal, waiting + 3);
		while (s.signal_fd >= 0 && read(s.signal_fd, signals, sizeof(signals)) > 0)
			;
		if (s.control_fd >= 0 && waiting[2].revents)
			obey(&s);
	}
}

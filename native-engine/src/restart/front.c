#include "front.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../commands/fail.h"
#include "../descriptor/descriptor.h"
#include "../resource/process_record.h"
#include "../resource/records.h"
#include "builder.h"
#include "coordinator_link.h"
#include "message.h"
#include "namespaces.h"
#include "rendezvous.h"
#include "terminal.h"

#define END_MS 2000 /* for the kernel to take a pid namespace down */

struct front {
	const struct front_options *options;
	struct image_set *set;
	struct coordinator_link *coordinator;
	struct rendezvous met; /* connections to other hosts */
	struct terminal terminal;
	int control_fd;  /* to the builder, later the supervisor */
	int signal_fd;
	sigset_t old_mask;
	pid_t helper;
	pid_t builder;   /* 0: not known yet */
	pid_t root;      /* as it knows itself */
	pid_t root_group;
	bool ready, let_go, running, stopped;
	struct signalfd_siginfo held; /* came before they ran; ssi_signo 0: none did */
	bool ended;  /* the root */
	bool hang_up_told;
	bool others; /* and there are others who live on */
	int status;
	struct fault *fault;
};

/* The ones that stand for something in the program's life; the rest keeps its default. */
static const int forwarded[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP };

static int catch_signals(struct front *f)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(forwarded) / sizeof(*forwarded); i++)
		sigaddset(&set, forwarded[i]);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGCONT);
	sigaddset(&set, SIGTTOU); /* tcsetattr while the shell takes the terminal away */
	sigaddset(&set, SIGTTIN);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, &f->old_mask);
	f->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (f->signal_fd < 0)
		return fault_set(f->fault, errno, "internal", "signalfd: %s", strerror(errno));
	return 0;
}

/* Does any process hold, or is it controlled by, a terminal from outside? */
static bool needs_terminal(const struct image_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct record *r = NULL;
		struct process_record process;

		if (process_record_read(set->images[i], &process, NULL) == 0 && process.terminal)
			return true;
		while ((r = record_find(&set->images[i]->records, RECORD_FILE, r))) {
			struct file_record file;

			record_head(r, &file, sizeof(file));
			if (file.kind == FILE_TERMINAL)
				return true;
		}
	}
	return false;
}

static int start_builder(struct front *f, bool user_namespace)
{
	size_t count = f->set->count;
	const struct rendezvous *met = &f->met;
	char **argv = calloc(count + 7, sizeof(*argv)), control[16], terminal[96] = "-";
	int *keep = calloc(count + 2 + met->count, sizeof(*keep)), pair[2] = { -1, -1 }, ret;
	size_t kept = 0;
	struct message mapped = { .type = MESSAGE_MAPPED };
	char flags[16] = { user_namespace ? BUILDER_USER_NAMESPACE : '-',
			   f->options->quiet ? BUILDER_QUIET : '-', BUILDER_FIRST, 0 };

	if (!argv || !keep) {
		ret = fault_set(f->fault, ENOMEM, "out-of-memory", "starting the builder");
		goto out;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		ret = fault_set(f->fault, errno, "internal", "socket pair: %s", strerror(errno));
		goto out;
	}
	snprintf(control, sizeof(control), "%d", pair[1]);
	argv[0] = "dmtcp_restart";
	argv[1] = BUILDER_OPTION;
	argv[2] = control;
	argv[3] = flags;
	argv[4] = terminal;
	keep[kept++] = pair[1];
	if (f->terminal.master >= 0) {
		keep[kept++] = f->terminal.master;
		snprintf(terminal, sizeof(terminal), "%d:%s", f->terminal.master,
			 f->terminal.path);
	}
	for (size_t i = 0; i < met->count; i++)
		keep[kept++] = met->fds[i];
	if (met->count) /* the last is their table */
		snprintf(flags + 3, sizeof(flags) - 3, "%d", met->fds[met->count - 1]);
	for (size_t i = 0; i < count; i++) {
		int fd = f->set->images[i]->fd;

		keep[kept++] = fd;
		if (asprintf(&argv[i + 5], "%d:%s", fd, f->set->images[i]->path) < 0) {
			argv[i + 5] = NULL;
			ret = fault_set(f->fault, ENOMEM, "out-of-memory", "starting the builder");
			goto out;
		}
	}
	/* Process 1 of the restored: the library in them finds the agent by it, preload/agent_path.c. */
	argv[count + 5] = getenv("DMTCP_AGENT_SOCKET") && f->options->coordinator ?
			  getenv("DMTCP_AGENT_SOCKET") : "-";
	ret = namespaces_start_helper(argv, user_namespace, keep, kept, &f->helper, f->fault);
	if (ret == 0 && user_namespace)
		ret = namespaces_map_user(f->helper, f->fault);
	if (ret == 0)
		ret = message_send(pair[0], &mapped);
	if (ret == 0) {
		f->control_fd = pair[0];
		pair[0] = -1;
	}
out:
	if (pair[0] >= 0)
		close(pair[0]);
	if (pair[1] >= 0)
		close(pair[1]);
	for (size_t i = 0; argv && i < count; i++)
		free(argv[i + 5]);
	free(argv);
	free(keep);
	return ret;
}

/* Nothing has run yet: process 1 takes all others with it. */
static void end_builder(struct front *f)
{
	if (f->helper > 0) {
		if (!f->builder)
			kill(f->helper, SIGKILL);
		waitpid(f->helper, NULL, 0);
	}
	if (f->builder > 0) {
		kill(f->builder, SIGKILL);
		waitpid(f->builder, NULL, 0);
	}
	f->helper = f->builder = 0;
}

static void send_signal(struct front *f, pid_t pid, int signal_number)
{
	struct message m = { .type = MESSAGE_SIGNAL, .pid = pid, .code = signal_number };

	if (pid)
		message_send(f->control_fd, &m);
}

/* The program is stopped, as by Ctrl-Z: so are we, and with the terminal as the shell knows it. */
static void stop_with_program(struct front *f)
{
	f->stopped = true;
	terminal_give_back(&f->terminal);
	kill(getpid(), SIGSTOP);
	/* Here again: somebody has continued us, so the program goes on too. */
	f->stopped = false;
	terminal_take(&f->terminal);
	terminal_resize(&f->terminal);
	send_signal(f, -f->root_group, SIGCONT);
	send_signal(f, f->root, SIGCONT);
	terminal_signal_foreground(&f->terminal, SIGCONT);
}

static void on_child(struct front *f, const struct message *m)
{
	if (m->pid != f->root)
		return;
	switch (m->code) {
	case CLD_EXITED:
		f->ended = true;
		f->status = W_EXITCODE(m->status, 0);
		break;
	case CLD_KILLED:
	case CLD_DUMPED:
		f->ended = true;
		f->status = W_EXITCODE(0, m->status);
		break;
	case CLD_STOPPED:
		if (f->running)
			stop_with_program(f);
		break;
	}
}

static void on_running(struct front *f)
{
	f->running = true;
	terminal_take(&f->terminal);
	/* What is on the screen is not what full-screen programs have drawn. */
	terminal_signal_foreground(&f->terminal, SIGWINCH);
}

static int on_member(struct front *f, const struct message *m)
{
	struct process_record record;

	if (m->code < 0 || (size_t)m->code >= f->set->count)
		return -EPROTO;
	if (f->coordinator)
		return coordinator_link_member(f->coordinator, m->code, m->status);
	return process_record_read(f->set->images[m->code], &record, f->fault);
}

static void find_root_group(struct front *f)
{
	for (size_t i = 0; i < f->set->count; i++) {
		struct process_record record;

		if (process_record_read(f->set->images[i], &record, NULL) == 0 &&
		    record.pid == f->root)
			f->root_group = record.group;
	}
}

static void on_warning(struct front *f, const struct fault *warning)
{
	restart_progress_clear(f->options->progress);
	fail_warn("dmtcp_restart", "%s [%s]", warning->text, warning->id);
}

static void on_progress(struct front *f, const struct message *m)
{
	const struct image_header *h;
	char who[80];

	if (m->code < 0 || (size_t)m->code >= f->set->count || m->status < 0)
		return;
	h = &f->set->images[m->code]->header;
	snprintf(who, sizeof(who), "%.60s[%d]", h->program, h->virtual_pid);
	restart_progress_set(f->options->progress, (uint64_t)m->status << 20, who);
}

/* 0, or the failure that the builder reports. */
static int on_message(struct front *f)
{
	struct message m;
	int ret = message_receive(f->control_fd, &m, 0);

	if (ret == -ETIMEDOUT)
		return 0;
	if (ret < 0)
		return ret;
	switch (m.type) {
	case MESSAGE_BUILDER:
		f->builder = m.pid;
		break;
	case MESSAGE_MEMBER:
		return on_member(f, &m);
	case MESSAGE_PROGRESS:
		on_progress(f, &m);
		break;
	case MESSAGE_READY:
		restart_progress_end(f->options->progress); /* before the programs write there */
		f->ready = true;
		f->builder = m.status;
		f->root = m.pid;
		find_root_group(f);
		break;
	case MESSAGE_RUNNING:
		on_running(f);
		break;
	case MESSAGE_CHILD:
		on_child(f, &m);
		break;
	case MESSAGE_STAYS:
		f->others = f->ended;
		break;
	case MESSAGE_WARNING:
		if (!f->options->quiet)
			on_warning(f, &m.fault);
		break;
	case MESSAGE_FAILED:
		return fault_set(f->fault, EIO, m.fault.id, "%s", m.fault.text);
	}
	return 0;
}

/* From the keyboard it is meant for the whole foreground. */
static void pass_on(struct front *f, const struct signalfd_siginfo *info)
{
	send_signal(f, info->ssi_code == SI_KERNEL ? -f->root_group : f->root, info->ssi_signo);
}

/* 0, or -EINTR when the user wants it to end before anything runs. */
static int on_signals(struct front *f)
{
	struct signalfd_siginfo info;

	while (read(f->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGWINCH:
			terminal_resize(&f->terminal);
			break;
		case SIGCONT:
			terminal_take(&f->terminal);
			break;
		case SIGCHLD:
			if (f->helper > 0 && waitpid(f->helper, NULL, WNOHANG) == f->helper)
				f->helper = 0;
			break;
		case SIGPIPE:
		case SIGTTIN:
		case SIGTTOU:
			break;
		default:
			if (f->running) {
				pass_on(f, &info);
				break;
			}
			f->held = info;
			if (!f->let_go)
				return fault_set(f->fault, EINTR, "interrupted",
						 "ended by signal %d before anything ran",
						 info.ssi_signo);
		}
	}
	return 0;
}

/* One turn of the loop. -EPIPE: the other side has gone. */
static int turn(struct front *f, int timeout_ms)
{
	struct pollfd waiting[5];
	int ret = 0;

	terminal_wait_for(&f->terminal, waiting, &timeout_ms);
	waiting[3] = (struct pollfd){ .fd = f->control_fd, .events = POLLIN };
	waiting[4] = (struct pollfd){ .fd = f->signal_fd, .events = POLLIN };
	if (poll(waiting, 5, timeout_ms) < 0)
		return errno == EINTR ? 0 : -errno;
	if (f->running)
		terminal_pump(&f->terminal, waiting);
	if (f->terminal.hung_up && !f->hang_up_told) {
		struct message m = { .type = MESSAGE_HANG_UP };

		f->hang_up_told = true;
		message_send(f->control_fd, &m);
	}
	if (waiting[4].revents)
		ret = on_signals(f);
	if (ret == 0 && waiting[3].revents)
		ret = on_message(f);
	return ret;
}

static int build(struct front *f, bool user_namespace)
{
	int ret = start_builder(f, user_namespace);

	/* The builder limits its steps; if it dies, its end of the socket closes. */
	while (ret == 0 && !f->ready)
		ret = turn(f, -1);
	if (ret == -EPIPE)
		fault_set(f->fault, EPIPE, "internal", "the builder ended without a message");
	if (ret < 0) {
		end_builder(f);
		close(f->control_fd);
		f->control_fd = -1;
	}
	return ret;
}

/* Root needs no user namespace, unless it is a root without power, as in a container. */
static int build_somehow(struct front *f)
{
	int ret;

	if (geteuid() == 0) {
		struct fault first;

		ret = build(f, false);
		if (ret == 0 || strcmp(f->fault->id, "namespaces-forbidden"))
			return ret;
		first = *f->fault;
		*f->fault = (struct fault){ 0 };
		ret = build(f, true);
		if (ret < 0 && !strcmp(f->fault->id, "namespaces-forbidden"))
			*f->fault = first;
		return ret;
	}
	return build(f, true);
}

static int short_turn(void *context)
{
	return turn(context, 0);
}

static int go(struct front *f)
{
	struct message go = { .type = MESSAGE_GO };
	int ret = 0;

	if (f->coordinator)
		ret = coordinator_link_go(f->coordinator, f->builder, short_turn, f, f->fault);
	f->let_go = true;
	if (ret == 0)
		ret = message_send(f->control_fd, &go);
	while (ret == 0 && !f->running)
		ret = turn(f, -1);
	if (ret == 0 && f->held.ssi_signo)
		pass_on(f, &f->held);
	if (ret == -EPIPE)
		fault_set(f->fault, EPIPE, "internal",
			  "the builder ended before the processes ran");
	if (ret < 0)
		end_builder(f);
	else
		image_set_close(f->set); /* replaced later, they must not hold disk space */
	return ret;
}

/* So that nothing of the namespace is left when we are gone. */
static void await_end(pid_t builder)
{
	struct pollfd ended = { .fd = syscall(SYS_pidfd_open, builder, 0), .events = POLLIN };

	if (ended.fd < 0)
		return;
	if (poll(&ended, 1, END_MS) > 0)
		waitpid(builder, NULL, 0);
	close(ended.fd);
}

/* Until the program has ended, or everything; -EPIPE: process 1 is going or has gone. */
static void stay(struct front *f)
{
	int ret = 0;

	while (!f->others && ret != -EPIPE)
		ret = turn(f, -1);
	terminal_drain(&f->terminal);
	terminal_give_back(&f->terminal);
	if (ret == -EPIPE)
		await_end(f->builder);
	if (!f->ended)
		f->status = W_EXITCODE(0, SIGKILL); /* process 1 was killed, and all with it */
}

int front_run(struct image_set *set, const struct front_options *options, int *status,
	      struct fault *fault)
{
	struct front f = {
		.options = options, .set = set, .coordinator = options->coordinator,
		.terminal = { .master = -1, .slave = -1 }, .control_fd = -1, .fault = fault,
	};
	int ret = 0;

	if (f.coordinator) /* may wait for a person, who may want to end it */
		ret = rendezvous_meet(&f.met, set, f.coordinator, fault);
	if (ret == 0)
		ret = catch_signals(&f);
	if (ret == 0 && needs_terminal(set))
		ret = terminal_open(&f.terminal, set, fault);
	restart_progress_phase(options->progress, "memory", image_set_bytes(set));
	if (ret == 0)
		ret = build_somehow(&f);
	restart_progress_end(options->progress);
	rendezvous_close(&f.met);
	if (ret == 0)
		ret = go(&f);
	if (ret == 0)
		stay(&f);
	terminal_give_back(&f.terminal);
	sigprocmask(SIG_SETMASK, &f.old_mask, NULL);
	*status = f.status;
	return ret;
}

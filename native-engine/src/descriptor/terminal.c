/*
 * Terminals: pty slaves, serial lines, consoles, /dev/tty. With a member as the pty's master they
 * are the slave of the new pty; otherwise the terminal that dmtcp_restart provides.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <asm/termbits.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../common/proc.h"
#include "../engine/round.h"
#include "../restart/rebuild.h"
#include "content.h"
#include "file_index.h"
#include "kinds.h"
#include "pty.h"
#include "pty_names.h"

/* Documentation/admin-guide/devices.txt */
#define TTY_MAJOR 4
#define TTY_AUX_MAJOR 5
#define PTMX_MINOR 2
#define PTY_SLAVE_MAJOR 136
#define PTY_SLAVE_MAJORS 8
#define SERIAL_LOW_DENSITY_MAJOR 204
#define VIRTIO_CONSOLE_MAJOR 229

struct terminal_payload {
	uint32_t bytes; /* of this struct */
	int32_t foreground; /* process group as the program sees it, 0: unknown */
	struct termios2 modes;
	struct winsize size;
	uint64_t master_file; /* of a member, 0: the terminal is outside */
	uint32_t number_plus_1; /* of one outside, N of /dev/pts/N; 0: it had another name */
	uint32_t exclusive; /* TIOCEXCL, of one with a master that is a member */
};

static bool terminal_claims(const struct descriptor_view *d)
{
	unsigned int number = major(d->status.st_rdev);

	if (!S_ISCHR(d->status.st_mode))
		return false;
	if (number == TTY_AUX_MAJOR)
		return minor(d->status.st_rdev) != PTMX_MINOR;
	return number == TTY_MAJOR || number == SERIAL_LOW_DENSITY_MAJOR ||
	       number == VIRTIO_CONSOLE_MAJOR ||
	       (number >= PTY_SLAVE_MAJOR && number < PTY_SLAVE_MAJOR + PTY_SLAVE_MAJORS);
}

static int terminal_capture(struct capture *c, const struct descriptor_view *d, uint64_t file_id,
			    struct buffer *payload)
{
	struct terminal_payload r = { .bytes = sizeof(r) };
	struct proc_stat process;
	uint32_t device = 0;
	struct pty *pty;
	int end = 0;

	(void)file_id;
	/* What /dev/tty really is: the number of the terminal behind it. */
	if (!ioctl(d->borrowed, TIOCGDEV, &device)) {
		pty = pty_find(c->round->descriptors->ptys, device);
		if (pty)
			r.master_file = pty->master->file_id;
	}
	if (r.master_file)
		ioctl(d->borrowed, TIOCGEXCL, &r.exclusive);
	if (sscanf(d->link, "/dev/pts/%u%n", &r.number_plus_1, &end) == 1 && !d->link[end])
		r.number_plus_1++;
	else
		r.number_plus_1 = 0;
	if (ioctl(d->borrowed, TCGETS2, &r.modes))
		memset(&r.modes, 0, sizeof(r.modes)); /* hung up: nothing of it is left */
	ioctl(d->borrowed, TIOCGWINSZ, &r.size);
	/* TIOCGPGRP answers only to those whose controlling terminal it is. */
	if (!proc_stat(c->process->pid, &process) && (uint32_t)process.terminal == device &&
	    device && process.terminal_group > 0)
		r.foreground = round_virtual_pid(c->round, process.terminal_group);
	buffer_append(payload, &r, sizeof(r));
	return 0;
}

int terminal_number(const struct file_view *f)
{
	struct terminal_payload r;

	file_payload_head(f->payload, f->bytes, &r, sizeof(r));
	return r.master_file ? -1 : (int)r.number_plus_1 - 1;
}

/* The terminal by the name that the program had for it, if it has that: ttyname(3) says so then. */
static int open_by_name(const struct rebuild *rebuild, const struct terminal_payload *r, int flags)
{
	struct stat terminal, found;
	char path[32];

	if (r->number_plus_1 && !fstat(rebuild->terminal_slave_fd, &terminal)) {
		snprintf(path, sizeof(path), "/dev/pts/%u", r->number_plus_1 - 1);
		if (!stat(path, &found) && found.st_rdev == terminal.st_rdev &&
		    found.st_dev == terminal.st_dev)
			return open(path, flags);
	}
	return open(rebuild->terminal_path, flags);
}

static int terminal_restore(struct rebuilt_process *p, const struct file_record *f,
			    const void *payload, size_t bytes, int *fd)
{
	struct rebuild *rebuild = p->rebuild;
	int flags = (f->flags & ~O_ASYNC) | O_CLOEXEC | O_NOCTTY, access = f->flags & O_ACCMODE;
	struct terminal_payload r;
	struct winsize now;

	file_payload_head(payload, bytes, &r, sizeof(r));
	if (r.master_file) {
		int master = file_index_open(p, r.master_file);

		if (master < 0)
			return master;
		/*
		 * O_CLOEXEC given here stays a flag of the open file (ptm_open_peer() in
		 * drivers/tty/pty.c), and fdinfo would show it for every number.
		 */
		*fd = ioctl(master, TIOCGPTPEER, flags & ~O_CLOEXEC);
		if (*fd < 0)
			return -errno;
		fcntl(*fd, F_SETFD, FD_CLOEXEC);
		return 0;
	}
	if (rebuild->terminal_slave_fd < 0) {
		/* No terminal here: what the restart was given in its place. */
		*fd = dup(rebuild->stdio[access == O_RDONLY ? 0 : 1]);
		return *fd < 0 ? -errno : 0;
	}
	*fd = open_by_name(rebuild, &r, flags);
	if (*fd < 0)
		*fd = file_reopen(rebuild->terminal_slave_fd, flags);
	if (*fd < 0)
		return fault_set(p->fault, errno, "internal", "terminal %s: %s",
				 rebuild->terminal_path, strerror(errno));
	if (r.modes.c_cflag)
		ioctl(*fd, TCSETS2, &r.modes);
	/* The size is that of the window in front of the user now; the old one only without one. */
	if (!ioctl(*fd, TIOCGWINSZ, &now) && !now.ws_row && !now.ws_col)
		ioctl(*fd, TIOCSWINSZ, &r.size);
	return 0;
}

/* Each process puts its own group in the foreground if that was it: then the group exists. */
static int terminal_restore_in_owner(struct rebuilt_process *p, const struct file_record *f,
				     const void *payload, size_t bytes, int number)
{
	struct terminal_payload r;
	pid_t group = getpgrp();

	(void)p;
	(void)f;
	file_payload_head(payload, bytes, &r, sizeof(r));
	if (number >= 0 && r.foreground == group)
		ioctl(number, TIOCSPGRP, &group); /* fails where it is not its controlling one */
	return 0;
}

/* It keeps everybody from opening it: when all have it. */
static int terminal_restore_last(struct rebuilt_process *p, const struct file_record *f,
				 const void *payload, size_t bytes, int fd)
{
	struct terminal_payload r;

	(void)p;
	(void)f;
	file_payload_head(payload, bytes, &r, sizeof(r));
	if (r.exclusive)
		ioctl(fd, TIOCEXCL);
	return 0;
}

static void terminal_describe(const void *payload, size_t bytes, json_t *out)
{
	struct terminal_payload r;

	file_payload_head(payload, bytes, &r, sizeof(r));
	json_object_set_new(out, "peer", json_string(r.master_file ? "member" : "outside"));
	if (r.master_file)
		json_object_set_new(out, "peerFile", file_id_text(r.master_file));
}

const struct file_kind_ops terminal_kind = {
	.kind = FILE_TERMINAL,
	.name = "terminal",
	.claims = terminal_claims,
	.capture = terminal_capture,
	.restore = terminal_restore,
	.restore_in_owner = terminal_restore_in_owner,
	.restore_last = terminal_restore_last,
	.describe = terminal_describe,
};

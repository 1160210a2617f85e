/* The master of a pseudo terminal, and with it the terminal itself: modes, size, queues. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <asm/termbits.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../engine/round.h"
#include "../restart/rebuild.h"
#include "kinds.h"
#include "pty.h"
#include "pty_names.h"

#define PTMX_MAJOR 5 /* Documentation/admin-guide/devices.txt */
#define PTMX_MINOR 2

struct master_payload {
	uint32_t bytes; /* of this struct */
	int32_t index;
	uint32_t device; /* the slave's, as in /proc/PID/stat */
	int32_t locked, packet, exclusive;
	uint64_t object;
	struct termios2 modes;
	struct winsize size;
	uint32_t to_slave_bytes, to_master_bytes;
	/* tail: both queues */
};

static bool master_claims(const struct descriptor_view *d)
{
	return S_ISCHR(d->status.st_mode) && major(d->status.st_rdev) == PTMX_MAJOR &&
	       minor(d->status.st_rdev) == PTMX_MINOR;
}

void pty_table_free(struct pty_table *t)
{
	if (!t)
		return;
	for (size_t n = 0; n < t->count; n++) {
		buffer_free(&t->ptys[n].to_slave);
		buffer_free(&t->ptys[n].to_master);
	}
	free(t->ptys);
	free(t);
}

struct pty *pty_find(struct pty_table *t, uint32_t device)
{
	for (size_t n = 0; t && n < t->count; n++)
		if (t->ptys[n].device == device)
			return &t->ptys[n];
	return NULL;
}

/* A descriptor of a member on the slave side; negative: none has one. */
static int borrow_slave(struct inventory *i, uint32_t device)
{
	for (size_t n = 0; n < i->count; n++) {
		uint32_t found = 0;
		int fd = i->entries[n].kind == &terminal_kind ? inventory_borrow(&i->entries[n]) : -1;

		if (fd >= 0 && !ioctl(fd, TIOCGDEV, &found) && found == device)
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -EBUSY;
}

/* TIOCEXCL on the slave side: nobody but root may open it again, not by TIOCGPTPEER either. */
static int copy_exclusive(struct inventory *i, int master, struct pty *pty)
{
	int slave = borrow_slave(i, pty->device), exclusive = 0, ret = -EBUSY;

	if (slave < 0)
		return slave;
	if (!ioctl(slave, TIOCGEXCL, &exclusive) && exclusive) {
		ioctl(slave, TIOCNXCL);
		ret = pty_copy_queues(master, &pty->to_slave, &pty->to_master);
		ioctl(slave, TIOCEXCL);
	}
	close(slave);
	return ret;
}

static int add_pty(struct inventory *i, struct pty_table *t, struct inventory_entry *e)
{
	struct pty pty = { .master = e }, *more;
	unsigned int number = 0;
	int ret = 0, fd = inventory_borrow(e);

	if (fd < 0)
		return fd;
	if (ioctl(fd, TIOCGPTN, &number) || ioctl(fd, TIOCGDEV, &pty.device)) {
		ret = -errno;
		goto out;
	}
	pty.index = number;
	if (pty_find(t, pty.device))
		goto out;
	more = realloc(t->ptys, (t->count + 1) * sizeof(*more));
	if (!more) {
		ret = -ENOMEM;
		goto out;
	}
	t->ptys = more;
	ret = pty_copy_queues(fd, &pty.to_slave, &pty.to_master);
	if (ret == -EBUSY)
		ret = copy_exclusive(i, fd, &pty);
	more[t->count++] = pty;
out:
	close(fd);
	return ret;
}

static int master_drain(struct round *r, uint32_t timeout_ms, struct fault *fault)
{
	struct inventory *i = r->descriptors;

	(void)timeout_ms;
	if (i->ptys)
		return 0;
	i->ptys = calloc(1, sizeof(*i->ptys));
	if (!i->ptys)
		return fault_set(fault, ENOMEM, "out-of-memory", "terminals");
	for (size_t n = 0; n < i->count; n++) {
		struct inventory_entry *e = &i->entries[n];
		int ret = e->kind == &pty_master_kind && e->first ? add_pty(i, i->ptys, e) : 0;

		if (ret)
			return fault_set(fault, -ret, "not-supported",
					 "process %d: descriptor %d (%s): the terminal cannot be read: %s",
					 e->process->virtual_pid, e->view.number, e->view.link,
					 strerror(-ret));
	}
	return 0;
}

static int master_capture(struct capture *c, const struct descriptor_view *d, uint64_t file_id,
			  struct buffer *payload)
{
	struct master_payload r = { .bytes = sizeof(r) };
	struct pty *pty;
	bool is_new;

	(void)file_id;
	ioctl(d->borrowed, TIOCGDEV, &r.device);
	pty = pty_find(c->round->descriptors->ptys, r.device);
	if (!pty)
		return fault_set(c->fault, EPROTO, "internal",
				 "process %d: descriptor %d (%s): the round had no drain",
				 c->process->virtual_pid, d->number, d->link);
	r.index = pty->index;
	/* No device has this number: an id like no inode's. */
	r.object = round_inode_id(c->round, UINT64_MAX - 1, pty->index, &is_new);
	ioctl(d->borrowed, TIOCGPTLCK, &r.locked);
	ioctl(d->borrowed, TIOCGPKT, &r.packet);
	ioctl(d->borrowed, TIOCGEXCL, &r.exclusive);
	/* On a master these are the slave's: tty_mode_ioctl() in drivers/tty. */
	ioctl(d->borrowed, TCGETS2, &r.modes);
	ioctl(d->borrowed, TIOCGWINSZ, &r.size);
	r.to_slave_bytes = pty->to_slave.bytes;
	r.to_master_bytes = pty->to_master.bytes;
	buffer_append(payload, &r, sizeof(r));
	buffer_append(payload, pty->to_slave.data, pty->to_slave.bytes);
	buffer_append(payload, pty->to_master.data, pty->to_master.bytes);
	return 0;
}

int pty_master_number(const struct file_view *f)
{
	struct master_payload r;

	file_payload_head(f->payload, f->bytes, &r, sizeof(r));
	return r.index;
}

static int master_restore(struct rebuilt_process *p, const struct file_record *f,
			  const void *payload, size_t bytes, int *fd)
{
	struct master_payload r;
	const char *queues;
	int slave, unlocked = 0, ret;
	size_t left;

	file_payload_head(payload, bytes, &r, sizeof(r));
	queues = file_payload_tail(payload, bytes, &left);
	if ((uint64_t)r.to_slave_bytes + r.to_master_bytes > left)
		return -EPROTO;
	*fd = pty_open_master(r.index, O_RDWR | O_NOCTTY | O_CLOEXEC | (f->flags & O_NONBLOCK));
	if (*fd < 0)
		return fault_set(p->fault, -*fd, "internal", "/dev/ptmx: %s", strerror(-*fd));
	ioctl(*fd, TIOCSPTLCK, &unlocked);
	slave = ioctl(*fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return fault_set(p->fault, errno, "internal", "new terminal: %s", strerror(errno));
	ioctl(slave, TCSETS2, &r.modes);
	ioctl(*fd, TIOCSWINSZ, &r.size);
	ret = pty_put(*fd, slave, queues, r.to_slave_bytes, queues + r.to_slave_bytes,
		      r.to_master_bytes);
	if (ret) {
		close(slave);
		return fault_set(p->fault, -ret, "internal", "what was queued in a terminal: %s",
				 strerror(-ret));
	}
	if (r.packet)
		ioctl(*fd, TIOCPKT, &r.packet);
	if (r.exclusive)
		ioctl(*fd, TIOCEXCL);
	if (r.locked)
		ioctl(*fd, TIOCSPTLCK, &r.locked);
	ret = rebuild_remember(p->rebuild, r.object, slave, p->fault);
	if (ret)
		return ret;
	return rebuild_remember_terminal(p->rebuild, r.device, rebuild_lookup(p->rebuild, r.object),
					 p->fault);
}

static void master_describe(const void *payload, size_t bytes, json_t *out)
{
	struct master_payload r;
	char path[32];

	file_payload_head(payload, bytes, &r, sizeof(r));
	snprintf(path, sizeof(path), "/dev/pts/%d", r.index);
	json_object_set_new(out, "path", json_string(path));
	json_object_set_new(out, "object", file_id_text(r.object));
	json_object_set_new(out, "queuedBytes",
			    json_integer((json_int_t)r.to_slave_bytes + r.to_master_bytes));
}

const struct file_kind_ops pty_master_kind = {
	.kind = FILE_PTY_MASTER,
	.name = "pty master",
	.claims = master_claims,
	.drain = master_drain,
	.capture = master_capture,
	.restore = master_restore,
	.describe = master_describe,
};

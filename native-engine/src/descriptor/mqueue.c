/*
 * POSIX message queues: limits, messages, notification. There is no looking at a message: all are
 * received and sent again, in an order that keeps theirs, while every user stands still.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../engine/round.h"
#include "../restart/rebuild.h"
#include "content.h"
#include "inventory.h"
#include "kinds.h"

#define MQUEUE_MAGIC 0x19800202 /* ipc/mqueue.c */

struct mqueue_payload {
	uint32_t bytes; /* of this struct */
	uint32_t mode;
	uint64_t object;
	int64_t most_messages, message_bytes;
	uint32_t messages, deleted;
	int32_t notified_pid, notify_signal; /* as the program sees it; 0: nobody waits */
	uint32_t name_bytes, reserved;
	/* tail: name, then the messages */
};

struct mqueue_message { /* part of the image format; the data follows */
	uint32_t bytes, priority;
};

static const struct timespec long_ago;

static bool mqueue_claims(const struct descriptor_view *d)
{
	return S_ISREG(d->status.st_mode) && d->filesystem == MQUEUE_MAGIC;
}

/* A file of ours that may read and write the queue. */
static int open_own(int borrowed)
{
	return file_reopen(borrowed, O_RDWR | O_NONBLOCK);
}

static int receive_all(int fd, const struct mq_attr *attributes, struct buffer *out,
		uint32_t *count)
{
	char *data = malloc(attributes->mq_msgsize);
	int ret = data ? 0 : -ENOMEM;

	while (!ret && !out->failed) {
		struct mqueue_message m = { 0 };
		ssize_t n = mq_timedreceive(fd, data, attributes->mq_msgsize, &m.priority,
				&long_ago);

		if (n < 0) {
			ret = errno == EAGAIN || errno == ETIMEDOUT ? 1 : -errno;
			break;
		}
		m.bytes = n;
		buffer_append(out, &m, sizeof(m));
		buffer_append(out, data, n);
		++*count;
	}
	free(data);
	return ret < 0 ? ret : out->failed ? -ENOMEM : 0;
}

static int send_all(int fd, const uint8_t *data, size_t bytes, uint32_t count)
{
	for (uint32_t n = 0; n < count; n++) {
		struct mqueue_message m;

		if (bytes < sizeof(m))
			return -EPROTO;
		memcpy(&m, data, sizeof(m));
		if (bytes - sizeof(m) < m.bytes)
			return -EPROTO;
		if (mq_timedsend(fd, (const char *)data + sizeof(m), m.bytes, m.priority,
				&long_ago))
			return -errno;
		data += sizeof(m) + m.bytes;
		bytes -= sizeof(m) + m.bytes;
	}
	return 0;
}

/* Who is told when a message comes into the empty queue. mq_overview(7) shows the text. */
static void read_notification(struct capture *c, int fd, struct mqueue_payload *r)
{
	char text[160];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	int notify = 0, signal_number = 0, pid = 0;

	text[n > 0 ? n : 0] = 0;
	if (sscanf(text, "QSIZE:%*u NOTIFY:%d SIGNO:%d NOTIFY_PID:%d", &notify, &signal_number,
			&pid) != 3 ||
	    !pid || notify != SIGEV_SIGNAL)
		return;
	r->notified_pid = round_virtual_pid(c->round, pid);
	r->notify_signal = signal_number;
}

static int copy_queue(struct capture *c, const struct descriptor_view *d, struct mqueue_payload *r,
		      struct buffer *messages)
{
	int own = open_own(d->borrowed), ret, again;
	struct mq_attr attributes;

	if (own < 0)
		return own;
	if (mq_getattr(own, &attributes)) {
		ret = -errno;
		goto out;
	}
	r->most_messages = attributes.mq_maxmsg;
	r->message_bytes = attributes.mq_msgsize;
	read_notification(c, own, r);
	/* The first message into the empty queue would use the notification up. */
	if (r->notified_pid && attributes.mq_curmsgs) {
		ret = -EOPNOTSUPP;
		goto out;
	}
	ret = receive_all(own, &attributes, messages, &r->messages);
	again = send_all(own, messages->data, messages->bytes, r->messages);
	ret = ret ?: again;
out:
	close(own);
	return ret;
}

static int mqueue_capture(struct capture *c, const struct descriptor_view *d, uint64_t file_id,
			  struct buffer *payload)
{
	static const char suffix[] = " (deleted)";
	struct mqueue_payload r = { .bytes = sizeof(r), .mode = d->status.st_mode };
	struct buffer messages = { 0 };
	size_t length = strlen(d->link);
	bool is_new;
	int ret;

	(void)file_id;
	if (!d->status.st_nlink && length >= sizeof(suffix)) {
		r.deleted = 1;
		length -= sizeof(suffix) - 1;
	}
	r.name_bytes = length;
	r.object = round_inode_id(c->round, d->status.st_dev, d->status.st_ino, &is_new);
	ret = copy_queue(c, d, &r, &messages);
	if (ret)
		ret = fault_set(c->fault, -ret, "not-supported",
				"process %d: descriptor %d: message queue %s cannot be read: %s",
				c->process->virtual_pid, d->number, d->link, strerror(-ret));
	buffer_append(payload, &r, sizeof(r));
	buffer_append(payload, d->link, length);
	buffer_append(payload, messages.data, messages.bytes);
	buffer_free(&messages);
	return ret;
}

/* Our own IPC namespace starts with the ordinary limits: raised where the queue had more. */
static void raise_limit(const char *name, int64_t value)
{
	char path[64], text[24];
	int fd, bytes;

	snprintf(path, sizeof(path), "/proc/sys/fs/mqueue/%s", name);
	bytes = snprintf(text, sizeof(text), "%lld", (long long)value);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, text, bytes) < 0) {
		/* mq_open() will tell */
	}
	close(fd);
}

static int make_queue(struct mqueue_payload *r, const char *name, const uint8_t *messages,
		      size_t bytes)
{
	struct mq_attr attributes = {
		.mq_maxmsg = r->most_messages,
		.mq_msgsize = r->message_bytes,
	};
	int fd, ret;

	fd = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NONBLOCK, 0600, &attributes);
	if (fd < 0 && errno == EINVAL) {
		raise_limit("msg_max", r->most_messages);
		raise_limit("msgsize_max", r->message_bytes);
		fd = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NONBLOCK, 0600,
			     &attributes);
	}
	if (fd < 0)
		return -errno;
	ret = send_all(fd, messages, bytes, r->messages);
	if (!ret && fchmod(fd, r->mode & 07777))
		ret = -errno;
	if (r->deleted || ret)
		mq_unlink(name);
	if (ret) {
		close(fd);
		return ret;
	}
	return fd;
}

static int mqueue_restore(struct rebuilt_process *p, const struct file_record *f,
			  const void *payload, size_t bytes, int *fd)
{
	struct mqueue_payload r;
	char name[NAME_MAX + 2];
	const char *tail;
	size_t left;
	int queue, ret;

	file_payload_head(payload, bytes, &r, sizeof(r));
	tail = file_payload_tail(payload, bytes, &left);
	if (r.name_bytes >= sizeof(name) || r.name_bytes > left)
		return -EPROTO;
	memcpy(name, tail, r.name_bytes);
	name[r.name_bytes] = 0;
	queue = rebuild_lookup(p->rebuild, r.object);
	if (queue < 0) {
		queue = make_queue(&r, name, (const uint8_t *)tail + r.name_bytes,
				left - r.name_bytes);
		if (queue < 0)
			return fault_set(p->fault, -queue, "internal", "message queue %s: %s", name,
					 strerror(-queue));
		ret = rebuild_remember(p->rebuild, r.object, queue, p->fault);
		if (ret)
			return ret;
		queue = rebuild_lookup(p->rebuild, r.object);
	}
	*fd = file_reopen(queue, f->flags & (O_ACCMODE | O_NONBLOCK));
	return *fd < 0 ? *fd : 0;
}

/* Closing any descriptor of a queue takes the process's notification back: mqueue_flush_file(). */
static int mqueue_restore_from_outside(struct rebuilt_process *p, const struct file_record *f,
				       const void *payload, size_t bytes, int number)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL };
	struct thread *t = &p->process->threads[0];
	struct mqueue_payload r;
	uint64_t scratch;
	long result = 0;
	int ret;

	(void)f;
	file_payload_head(payload, bytes, &r, sizeof(r));
	if (!r.notified_pid || r.notified_pid != p->image->header.virtual_pid)
		return 0;
	event.sigev_signo = r.notify_signal;
	ret = inject_begin(t, p->fault);
	if (ret)
		return ret;
	ret = inject_scratch(t, &scratch, p->fault);
	if (!ret)
		ret = process_write(p->process, scratch, &event, sizeof(event));
	if (!ret)
		ret = inject_syscall(t, &result, SYS_mq_notify, number, scratch, 0, 0, 0, 0);
	inject_scratch_free(t);
	inject_end(t);
	/* EBUSY: through another of its descriptors it has been done already. */
	if (!ret && result < 0 && result != -EBUSY)
		ret = fault_set(p->fault, -result, "internal", "mq_notify: %s", strerror(-result));
	return ret;
}

static void mqueue_describe(const void *payload, size_t bytes, json_t *out)
{
	struct mqueue_payload r;
	size_t length;
	const char *tail = file_payload_tail(payload, bytes, &length);

	file_payload_head(payload, bytes, &r, sizeof(r));
	json_object_set_new(out, "path", json_from_bytes(tail, r.name_bytes < length ? r.name_bytes :
											length));
	json_object_set_new(out, "object", file_id_text(r.object));
	json_object_set_new(out, "messages", json_integer(r.messages));
}

const struct file_kind_ops mqueue_kind = {
	.kind = FILE_MQUEUE,
	.name = "message queue",
	.claims = mqueue_claims,
	.capture = mqueue_capture,
	.restore = mqueue_restore,
	.restore_from_outside = mqueue_restore_from_outside,
	.describe = mqueue_describe,
};

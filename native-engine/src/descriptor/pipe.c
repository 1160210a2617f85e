/*
 * Pipes and FIFOs: size, packets, queued data, ends that are missing. Data is copied with tee(2)
 * and stays where it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../restart/rebuild.h"
#include "content.h"
#include "inventory.h"
#include "../resource/path_here.h"
#include "kinds.h"
#include "pipe.h"

/* Tells the id of the data from that of the pipe: inode numbers do not reach it. */
#define CONTENT_BIT (1ull << 63)

#define DEFAULT_CAPACITY 65536

/* open(2) adds it, pipe(2) does not, fcntl(2) shows it; the C library's O_LARGEFILE is 0. */
#define LARGE_FILE 0100000

enum pipe_peer { /* part of the image format */
	PEER_MEMBER = 0, /* some member holds the other end, or both ends are this one */
	PEER_GONE = 1,
	PEER_OUTSIDE = 2,
};

struct pipe_payload {
	uint32_t bytes; /* of this struct */
	uint32_t peer;
	uint64_t object;     /* of the inode, round-wide */
	uint64_t content;    /* object whose content is the queued data: of ends for reading */
	uint64_t data_bytes;
	uint32_t capacity;
	uint32_t packets;    /* lengths in the tail, before the path */
	int32_t standard;    /* 0, 1, 2: a member has it there */
	uint32_t mode, deleted;
	uint32_t reserved;
	/* tail: uint32_t length of each packet, then the path of a FIFO */
};

static bool is_anonymous(const struct descriptor_view *d)
{
	return !strncmp(d->link, "pipe:[", 6);
}

static bool pipe_claims(const struct descriptor_view *d)
{
	return S_ISFIFO(d->status.st_mode);
}

static bool reads(uint32_t flags)
{
	return (flags & O_ACCMODE) != O_WRONLY;
}

static bool writes(uint32_t flags)
{
	return (flags & O_ACCMODE) != O_RDONLY;
}

/* What is at the other end, and at which standard number a member has this one (-1: none). */
static enum pipe_peer find_peer(struct inventory *i, const struct descriptor_view *d, int *standard)
{
	size_t count;
	struct inventory_entry **e =
		inventory_inode(i, d->status.st_dev, d->status.st_ino, &count);
	struct pollfd state = { .fd = d->borrowed };
	bool readable = false, writable = false;

	*standard = -1;
	for (size_t n = 0; n < count; n++) {
		int number = e[n]->view.number;

		if (e[n]->view.flags & O_PATH)
			continue;
		readable |= reads(e[n]->view.flags);
		writable |= writes(e[n]->view.flags);
		if (number <= STDERR_FILENO && (number > STDIN_FILENO) == writes(d->flags) &&
		    (*standard < 0 || number < *standard))
			*standard = number;
	}
	if (readable && writable)
		return PEER_MEMBER;
	/* pipe(7): POLLHUP when the last writer has gone, POLLERR when the last reader has. */
	if (poll(&state, 1, 0) > 0 && state.revents & (readable ? POLLHUP : POLLERR))
		return PEER_GONE;
	return PEER_OUTSIDE;
}

/*
 * A pipe of our own from before the members have used up what a user may have in pipes (pipe(7),
 * pipe-user-pages-soft): later ones have room for two pages and cannot be enlarged.
 */
static int spare[2] = { -1, -1 };

void pipe_keep_spare(void)
{
	if (pipe2(spare, O_CLOEXEC | O_NONBLOCK))
		spare[0] = spare[1] = -1;
}

static void close_copy(int copy[2])
{
	char data[4096];

	if (copy[0] != spare[0]) {
		close(copy[0]);
		close(copy[1]);
		return;
	}
	while (read(copy[0], data, sizeof(data)) > 0)
		; /* nothing is left in it, unless it could not be read to the end */
}

/* An empty pipe with room for what is in one of @capacity. */
static int open_copy(int copy[2], uint32_t capacity)
{
	int ret;

	if (pipe2(copy, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	if (fcntl(copy[1], F_SETPIPE_SZ, capacity) >= 0)
		return 0;
	ret = -errno;
	close(copy[0]);
	close(copy[1]);
	if (spare[0] < 0 || fcntl(spare[0], F_GETPIPE_SZ) < (int)capacity)
		return ret;
	copy[0] = spare[0];
	copy[1] = spare[1];
	return 0;
}

/* Copies what is queued: *@data of *@bytes, with the lengths of packets in @lengths. */
static int copy_queued(int fd, uint32_t flags, uint32_t capacity, uint8_t **data, size_t *bytes,
		       struct buffer *lengths)
{
	int copy[2], waiting = 0, ret;
	bool packets = false;
	ssize_t n;

	if (!ioctl(fd, FIONREAD, &waiting) && !waiting)
		return 0;
	*data = malloc(capacity);
	if (!*data)
		return -ENOMEM;
	ret = open_copy(copy, capacity);
	if (ret)
		return ret;
	n = tee(fd, copy[1], INT_MAX, SPLICE_F_NONBLOCK);
	if (n < 0 && errno != EAGAIN) {
		ret = -errno;
		goto out_copy;
	}
	/* A read ends behind a packet, otherwise only when all has been read. */
	while (n > 0 && *bytes < (size_t)n) {
		ssize_t part = read(copy[0], *data + *bytes, capacity - *bytes);
		uint32_t length = part;

		if (part <= 0) {
			ret = part ? -errno : -EIO;
			goto out_copy;
		}
		*bytes += part;
		packets |= *bytes < (size_t)n;
		buffer_append(lengths, &length, sizeof(length));
	}
	if (!packets && !(flags & O_DIRECT))
		lengths->bytes = 0;

out_copy:
	close_copy(copy);
	return ret;
}

static int pipe_capture(struct capture *c, const struct descriptor_view *d, uint64_t file_id,
			struct buffer *payload)
{
	struct pipe_payload r = { .bytes = sizeof(r), .mode = d->status.st_mode };
	struct buffer lengths = { 0 };
	uint8_t *data = NULL;
	size_t path_bytes = 0, data_bytes = 0;
	bool is_new = false;
	int capacity, ret = 0;

	(void)file_id;
	capacity = fcntl(d->borrowed, F_GETPIPE_SZ);
	if (capacity < 0)
		return fault_set(c->fault, errno, "internal", "descriptor %d: size of pipe: %s",
				 d->number, strerror(errno));
	r.capacity = capacity;
	r.peer = find_peer(c->round->descriptors, d, &r.standard);
	r.object = round_inode_id(c->round, d->status.st_dev, d->status.st_ino, &is_new);
	/* What members only write is for a reader outside, or for nobody. */
	if (reads(d->flags)) {
		r.content = round_inode_id(c->round, d->status.st_dev,
					   d->status.st_ino | CONTENT_BIT, &is_new);
		ret = copy_queued(d->borrowed, d->flags, capacity, &data, &data_bytes, &lengths);
	}
	if (ret) {
		ret = fault_set(c->fault, -ret, "not-supported",
				"process %d: descriptor %d: the data in %s cannot be copied: %s",
				c->process->virtual_pid, d->number, d->link, strerror(-ret));
		goto out;
	}
	r.data_bytes = data_bytes;
	r.packets = lengths.bytes / sizeof(uint32_t);
	if (is_new && data_bytes)
		ret = image_writer_add_bytes(c->image, r.content, 0, data, data_bytes, c->fault);
	if (!is_anonymous(d)) {
		static const char suffix[] = " (deleted)";

		path_bytes = strlen(d->link);
		if (!d->status.st_nlink && path_bytes >= sizeof(suffix)) {
			r.deleted = 1;
			path_bytes -= sizeof(suffix) - 1;
		}
	}
	buffer_append(payload, &r, sizeof(r));
	buffer_append(payload, lengths.data, lengths.bytes);
	buffer_append(payload, d->link, path_bytes);
out:
	buffer_free(&lengths);
	free(data);
	return ret;
}

/* ---- restore ---- */

struct pipe_view {
	struct pipe_payload head;
	const uint32_t *lengths;
	char path[PATH_MAX]; /* empty: anonymous */
};

static void read_payload(const void *payload, size_t bytes, struct pipe_view *v)
{
	size_t tail_bytes, lengths_bytes;
	const char *tail;

	file_payload_head(payload, bytes, &v->head, sizeof(v->head));
	tail = file_payload_tail(payload, bytes, &tail_bytes);
	lengths_bytes = (size_t)v->head.packets * sizeof(uint32_t);
	if (lengths_bytes > tail_bytes) {
		lengths_bytes = 0;
		v->head.packets = 0;
	}
	v->lengths = (const uint32_t *)tail;
	tail_bytes -= lengths_bytes;
	if (tail_bytes >= sizeof(v->path))
		tail_bytes = sizeof(v->path) - 1;
	memcpy(v->path, tail + lengths_bytes, tail_bytes);
	v->path[tail_bytes] = 0;
}

/*
 * Puts the queued data back, packet by packet, through a description of its own on the pipe of @kept.
 * The file it comes from remembers that it is done.
 */
static int fill(struct rebuilt_process *p, const struct pipe_view *v, int kept)
{
	uint64_t offset = 0, bytes = v->head.data_bytes;
	int ret, content, fd = file_reopen(kept, O_RDWR | O_NONBLOCK);
	uint32_t packet = 0;
	uint8_t *data;

	if (fd < 0)
		return fd;
	content = memfd_create("dmtcp-pipe", MFD_CLOEXEC);
	if (content < 0 || ftruncate(content, bytes)) {
		ret = -errno;
		goto out;
	}
	ret = rebuild_content(p->rebuild, v->head.content, bytes, content, p->fault);
	if (ret)
		goto out;
	data = mmap(NULL, bytes, PROT_READ, MAP_SHARED, content, 0);
	if (data == MAP_FAILED) {
		ret = -errno;
		goto out;
	}
	if (v->head.packets)
		fcntl(fd, F_SETFL, O_NONBLOCK | O_DIRECT);
	while (offset < bytes) {
		uint64_t length = packet < v->head.packets ? v->lengths[packet++] : bytes - offset;
		ssize_t n;

		if (length > bytes - offset)
			length = bytes - offset;
		n = write(fd, data + offset, length);
		if (n <= 0) {
			ret = n ? -errno : -EIO;
			break;
		}
		offset += n;
	}
	munmap(data, bytes);
	if (!ret) {
		ret = rebuild_remember(p->rebuild, v->head.content, content, p->fault);
		content = -1; /* remembered, or closed */
	}
out:
	close(fd);
	if (content >= 0)
		close(content);
	return ret;
}

/* One that is smaller than by default will do, if what was queued has room in it. */
static int resize(const struct pipe_view *v, int fd)
{
	if (fcntl(fd, F_GETPIPE_SZ) != (int)v->head.capacity &&
	    fcntl(fd, F_SETPIPE_SZ, v->head.capacity) < 0 &&
	    (v->head.capacity > DEFAULT_CAPACITY ||
	     v->head.data_bytes > (uint64_t)fcntl(fd, F_GETPIPE_SZ)))
		return -errno;
	return 0;
}

/*
 * A new pipe or the FIFO, with size. What is returned others open or duplicate: of the FIFO a descriptor
 * for both ways; of a pipe one end, when @flags are those of the other end as pipe(2) made it, which
 * is in *@mine then. -errno.
 */
static int make_pipe(const struct pipe_view *v, uint32_t flags, int *mine)
{
	int kept, ends[2], ret;

	*mine = -1;

	if (v->path[0]) {
		if (mkfifo(v->path, v->head.mode & 07777) && errno != EEXIST)
			return -errno;
		kept = open(v->path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		ret = errno;
		if (v->head.deleted)
			unlink(v->path);
		if (kept < 0)
			return -ret;
	} else {
		if (pipe2(ends, O_CLOEXEC))
			return -errno;
		kept = writes(flags) ? ends[0] : ends[1];
		*mine = writes(flags) ? ends[1] : ends[0];
		if (flags & LARGE_FILE) {
			close(*mine);
			*mine = -1;
		}
	}
	ret = resize(v, kept);
	if (ret && *mine >= 0)
		close(*mine);
	if (ret)
		close(kept);
	return ret ? ret : kept;
}

/* @kept is the very end, as pipe(2) made it, that is wanted. */
static bool is_kept_end(const struct pipe_view *v, int kept, uint32_t flags)
{
	return !v->path[0] && !(flags & LARGE_FILE) &&
	       (fcntl(kept, F_GETFL) & O_ACCMODE) == (int)(flags & O_ACCMODE);
}

static int pipe_verify(struct image_reader *image, const struct file_record *f, const void *payload,
		       size_t bytes, struct fault *fault)
{
	struct pipe_view v;
	struct stat now;

	(void)f;
	read_payload(payload, bytes, &v);
	path_here(image, v.path);
	if (!v.path[0] || v.head.deleted || stat(v.path, &now) || S_ISFIFO(now.st_mode))
		return 0;
	return fault_set(fault, EEXIST, "file-changed",
			 "%s, which the program has open, was a FIFO and is none any more", v.path);
}

/* pipe(7), pipe-user-pages-soft */
static int refuse_room(struct rebuilt_process *p, const struct pipe_view *v)
{
	return fault_set(p->fault, EPERM, "pipe-room",
			 "process %d: a pipe of %u bytes, with %" PRIu64 " in it, is more than this "
			 "user may have beside the pipes that are open",
			 p->image->header.virtual_pid, v->head.capacity, v->head.data_bytes);
}

static int pipe_restore(struct rebuilt_process *p, const struct file_record *f, const void *payload,
			size_t bytes, int *fd)
{
	int flags = f->flags & (O_ACCMODE | O_NONBLOCK);
	struct rebuild *rebuild = p->rebuild;
	struct pipe_view v;
	int kept, ret = 0;

	read_payload(payload, bytes, &v);
	path_here(p->image, v.path);
	/* A pipe to or from outside at a standard number: now it is dmtcp_restart's own. Data that
	 * is still in it is read first, and then the end of it. */
	if (v.head.peer == PEER_OUTSIDE && v.head.standard >= 0 && !v.path[0] &&
	    (writes(f->flags) || !v.head.data_bytes) && rebuild->stdio[v.head.standard] >= 0) {
		*fd = dup(rebuild->stdio[v.head.standard]);
		return *fd < 0 ? -errno : 0;
	}
	*fd = -1;
	kept = rebuild_lookup(rebuild, v.head.object);
	if (kept < 0) {
		kept = make_pipe(&v, f->flags, fd);
		if (kept == -EPERM && !v.path[0])
			return refuse_room(p, &v);
		if (kept < 0)
			return fault_set(p->fault, -kept, "internal", "pipe of process %d: %s",
					 p->image->header.virtual_pid, strerror(-kept));
		ret = rebuild_remember(rebuild, v.head.object, kept, p->fault);
		if (ret)
			goto err_close;
		kept = rebuild_lookup(rebuild, v.head.object);
		if (v.head.peer == PEER_OUTSIDE && !v.path[0] && rebuild->notes_fd >= 0)
			dprintf(rebuild->notes_fd,
					"dmtcp_restart: process %d: the other end of its pipe "
				"was held by a process outside the computation: closed now\n",
				p->image->header.virtual_pid);
	}
	if (v.head.data_bytes && rebuild_lookup(rebuild, v.head.content) < 0) {
		ret = fill(p, &v, kept);
		if (ret == -EAGAIN)
			ret = refuse_room(p, &v);
		if (ret)
			goto err_close;
	}
	if (*fd < 0)
		*fd = is_kept_end(&v, kept, f->flags) ? dup(kept) : file_reopen(kept, flags);
	if (*fd < 0)
		return -errno;
	/* open(2) takes O_DIRECT for that of files; for a pipe it is packet mode. */
	if (fcntl(*fd, F_SETFL, flags | (f->flags & O_DIRECT))) {
		ret = -errno;
		goto err_close;
	}
	return 0;

err_close:
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	return ret;
}

static void pipe_describe(const void *payload, size_t bytes, json_t *out)
{
	static const char *const peers[] = { "member", "gone", "outside" };
	struct pipe_view v;

	read_payload(payload, bytes, &v);
	if (v.path[0])
		json_object_set_new(out, "path", json_from_text(v.path));
	json_object_set_new(out, "object", file_id_text(v.head.object));
	json_object_set_new(out, "peer", json_string(v.head.peer < 3 ? peers[v.head.peer] : "unknown"));
	json_object_set_new(out, "queuedBytes", json_integer(v.head.data_bytes));
	json_object_set_new(out, "capacity", json_integer(v.head.capacity));
}

const struct file_kind_ops pipe_kind = {
	.kind = FILE_PIPE,
	.name = "pipe",
	.claims = pipe_claims,
	.capture = pipe_capture,
	.verify = pipe_verify,
	.restore = pipe_restore,
	.describe = pipe_describe,
};

/* Unix sockets of all types: capture. What is queued is looked at and stays. */
#include "unix_socket.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../engine/round.h"
#include "../resource/helper.h"
#include "backlog.h"
#include "inventory.h"
#include "kinds.h"
#include "socket_queue.h"
#include "unix_directory.h"
#include "unix_name.h"
#include "unix_renew.h"

/* Tells the id of a socket from that of what a restart keeps beside it. */
#define OBJECT_BIT (1ull << 63)
#define SHUT_BOTH 3

_Static_assert(sizeof(((struct unix_table *)0)->renamed.name) == UNIX_FILE_NAME_BYTES,
	       "of a directory's entry");

static bool unix_claims(const struct descriptor_view *d)
{
	return S_ISSOCK(d->status.st_mode) && !strncmp(d->protocol, "UNIX", 4);
}

/* ---- drain: everything stands still ---- */

/* The descriptor of a member on the socket with this inode, or NULL. */
static struct inventory_entry *find_socket(struct inventory *i, uint64_t device, uint64_t inode)
{
	struct inventory_entry **e;
	size_t count;

	if (!inode)
		return NULL;
	e = inventory_inode(i, device, inode, &count);
	if (count)
		return e[0];
	for (size_t n = 0; n < i->detached_count; n++)
		if (i->detached[n].view.status.st_ino == inode &&
		    i->detached[n].view.status.st_dev == device)
			return &i->detached[n];
	return NULL;
}

/*
 * Clients that wait for accept(2): what they have sent lies in a socket that nobody can look into.
 * The program has to accept them first: the round is given up.
 */
static int check_waiting(struct round *r, const struct inventory_entry *listener,
			 const struct unix_info *s, struct fault *fault)
{
	if (backlog_knows(r, listener->view.status.st_ino))
		return 0;
	for (size_t n = 0; n < s->waiting_count; n++) {
		struct inventory_entry *client = find_socket(
			r->descriptors, listener->view.status.st_dev, s->waiting[n]);
		int unread = 1, fd = client ? inventory_borrow(client) : -1;

		if (fd >= 0) {
			ioctl(fd, SIOCOUTQ, &unread);
			close(fd);
		}
		if (unread)
			return fault_set(fault, EAGAIN, "socket-not-accepted",
					 "process %d: descriptor %d: a client has sent data and has not "
					 "been accepted yet", listener->process->virtual_pid,
					 listener->view.number);
	}
	return 0;
}

/* Descriptors in flight are found before the first image is written. */
static int find_in_flight(struct round *r, const struct inventory_entry *e,
			  const struct unix_info *s, struct fault *fault)
{
	struct buffer queue = { 0 };
	uint32_t count;
	int fd, ret;

	/* fdinfo has the number since Linux 5.11; without the line every socket is looked into. */
	if (strstr(e->view.fdinfo, "scm_fds: 0\n"))
		return 0;
	fd = inventory_borrow(e);
	if (fd < 0)
		return fault_set(fault, -fd, "internal", "socket: %s", strerror(-fd));
	ret = socket_queue_peek(r, fd, &queue, &count, fault);
	if (!ret && s)
		unix_renew(r, e->process, fd, s, &queue);
	close(fd);
	buffer_free(&queue);
	return ret == -EINVAL ? 0 : ret; /* it listens */
}

static int drain_socket(struct round *r, const struct inventory_entry *e, struct fault *fault)
{
	const struct unix_info *s =
		unix_table_find(r->descriptors->unix_sockets, e->view.status.st_ino);

	if (e->kind != &unix_socket_kind || !e->first)
		return 0;
	if (s && s->state == TCP_LISTEN)
		return check_waiting(r, e, s, fault);
	return find_in_flight(r, e, s, fault);
}

int unix_sockets_read(struct round *r, struct fault *fault)
{
	struct inventory *i = r->descriptors;
	bool any = false;

	for (size_t n = 0; n < i->count && !any; n++)
		any = i->entries[n].kind == &unix_socket_kind;
	if (!any || i->unix_sockets)
		return 0;
	i->unix_sockets = calloc(1, sizeof(*i->unix_sockets));
	if (!i->unix_sockets)
		return fault_set(fault, ENOMEM, "out-of-memory", "Unix sockets");
	return unix_table_read(i->unix_sockets, fault);
}

static bool unix_unsettled(struct round *r)
{
	struct inventory *i = r->descriptors;
	struct fault fault = { 0 };
	int ret = unix_sockets_read(r, &fault);

	for (size_t n = 0; n < i->count && !ret && i->unix_sockets; n++) {
		const struct inventory_entry *e = &i->entries[n];
		const struct unix_info *s;

		if (e->kind != &unix_socket_kind || !e->first)
			continue;
		s = unix_table_find(i->unix_sockets, e->view.status.st_ino);
		if (s && s->state == TCP_LISTEN)
			ret = check_waiting(r, e, s, &fault);
	}
	return ret < 0;
}

static int unix_drain(struct round *r, uint32_t timeout_ms, struct fault *fault)
{
	struct inventory *i = r->descriptors;
	int ret = 0;

	(void)timeout_ms;
	if (i->unix_drained)
		return 0;
	i->unix_drained = true;
	ret = unix_sockets_read(r, fault);
	if (!i->unix_sockets)
		return ret;
	for (size_t n = 0; n < i->count && !ret; n++)
		ret = drain_socket(r, &i->entries[n], fault);
	/*
	 * A socket in flight may itself have descriptors in flight: the list grows while it is
	 * read.
	 */
	for (size_t n = 0; n < i->detached_count && !ret; n++) {
		struct inventory_entry e = i->detached[n];

		ret = drain_socket(r, &e, fault);
	}
	return ret;
}

/* ---- capture ---- */

/*
 * bind(2) to one name and rename(2) to the one that clients know: the file under its new name in the
 * directory of @path. Its inode cannot be another file's, the socket holds it.
 */
static void look_for_renamed(const char *path, uint32_t inode, uint32_t *mode, char *renamed)
{
	char copy[PATH_MAX + UNIX_NAME_BYTES + 2];
	struct dirent *entry;
	struct stat status;
	DIR *directory;

	strcpy(copy, path);
	directory = opendir(dirname(copy));
	while (directory && !renamed[0] && (entry = readdir(directory)))
		if ((uint32_t)entry->d_ino == inode &&
		    !fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) &&
		    S_ISSOCK(status.st_mode)) {
			snprintf(renamed, UNIX_FILE_NAME_BYTES, "%s", entry->d_name);
			*mode = status.st_mode & 07777;
		}
	if (directory)
		closedir(directory);
}

static void find_renamed(struct unix_table *t, const char *path, const struct unix_info *s,
			 struct unix_name *name, char *renamed)
{
	if (!t->renamed.path || t->renamed.inode != s->file_inode ||
	    t->renamed.device != s->file_device || strcmp(t->renamed.path, path)) {
		free(t->renamed.path);
		t->renamed.path = strdup(path);
		t->renamed.device = s->file_device;
		t->renamed.inode = s->file_inode;
		t->renamed.mode = name->mode;
		t->renamed.name[0] = 0;
		look_for_renamed(path, s->file_inode, &t->renamed.mode, t->renamed.name);
	}
	name->mode = t->renamed.mode;
	strcpy(renamed, t->renamed.name);
}

/*
 * Whether the file system still has it, and where a relative name was bound. @renamed: NULL, or its
 * file's other name.
 */
static void find_file(struct round *r, const struct descriptor_view *d, const struct unix_info *s,
		      struct unix_name *name, char *directory, char *renamed)
{
	char path[PATH_MAX + UNIX_NAME_BYTES + 2];
	struct stat status;

	if (name->text[0] != '/') {
		unix_find_directory(r, d->pid, d->borrowed, s, directory);
		name->directory_bytes = strlen(directory);
	}
	snprintf(path, sizeof(path), "%s%s%.*s", directory, name->directory_bytes ? "/" : "",
		 (int)name->bytes, name->text);
	name->deleted = stat(path, &status) || (uint32_t)status.st_ino != s->file_inode;
	name->mode = name->deleted ? 0777 : status.st_mode & 07777;
	if (name->deleted && renamed)
		find_renamed(r->descriptors->unix_sockets, path, s, name, renamed);
}

static void read_name(struct round *r, const struct descriptor_view *d, const struct unix_info *s,
		      struct unix_name *name, char *directory, char *renamed)
{
	directory[0] = 0;
	name->bytes = s->name_bytes;
	memcpy(name->text, s->name, s->name_bytes);
	/* Of a path the kernel also counts the 0 byte behind it. */
	if (name->bytes && name->text[0]) {
		name->bytes = strnlen(name->text, name->bytes);
		find_file(r, d, s, name, directory, renamed);
	}
}

static int find_standard(struct inventory *i, const struct descriptor_view *d)
{
	struct inventory_entry **e;
	int standard = -1;
	size_t count;

	e = inventory_inode(i, d->status.st_dev, d->status.st_ino, &count);
	for (size_t n = 0; n < count; n++)
		if (e[n]->view.number <= STDERR_FILENO &&
		    (standard < 0 || e[n]->view.number < standard))
			standard = e[n]->view.number;
	return standard;
}

/* The member's listening socket in whose queue this client waits, or NULL. */
static struct inventory_entry *find_listener(struct inventory *i, const struct descriptor_view *d)
{
	for (size_t n = 0; n < i->unix_sockets->count; n++) {
		const struct unix_info *s = &i->unix_sockets->sockets[n];

		for (size_t w = 0; w < s->waiting_count; w++)
			if (s->waiting[w] == (uint32_t)d->status.st_ino)
				return find_socket(i, d->status.st_dev, s->inode);
	}
	return NULL;
}

static void read_peer(struct capture *c, const struct descriptor_view *d, const struct unix_info *s,
		      struct unix_payload *u, char *directory)
{
	struct inventory *i = c->round->descriptors;
	const struct unix_info *peer = unix_table_find(i->unix_sockets, s->peer);
	struct inventory_entry *e = find_socket(i, d->status.st_dev, s->peer);

	if (!s->has_peer && s->state != TCP_ESTABLISHED)
		return;
	u->state = UNIX_CONNECTED;
	if (e) {
		u->peer = UNIX_PEER_MEMBER;
		u->peer_file = e->file_id;
	} else if (s->peer) {
		u->peer = UNIX_PEER_OUTSIDE;
	} else if (s->shutdown == SHUT_BOTH || u->type == SOCK_DGRAM) {
		u->peer = UNIX_PEER_GONE;
	} else {
		e = find_listener(i, d);
		u->state = e ? UNIX_WAITING : UNIX_CONNECTED;
		u->peer = e ? UNIX_PEER_MEMBER : UNIX_PEER_OUTSIDE;
		u->peer_file = e ? e->file_id : 0;
	}
	if (peer)
		read_name(c->round, e ? &e->view : d, peer, &u->peer_name, directory, NULL);
}

/* The number of a peer that has ended, in the program's namespace: only the program can ask. */
static int32_t ask_inside(struct capture *c, int number)
{
	struct thread *t = process_live_thread(c->process);
	socklen_t length = sizeof(struct ucred);
	struct ucred peer = { 0 };
	uint64_t scratch;
	long result = -1;

	if (!t || c->process->seccomp || inject_begin(t, c->fault))
		return 0;
	if (!inject_scratch(t, &scratch, c->fault) &&
	    !process_write(c->process, scratch, &length, sizeof(length)) &&
	    !inject_syscall(t, &result, SYS_getsockopt, number, SOL_SOCKET, SO_PEERCRED,
			    scratch + 8, scratch, 0) && !result)
		process_read(c->process, scratch + 8, &peer, sizeof(peer));
	inject_end(t);
	return peer.pid;
}

/* The kernel names processes as our namespace does; the program's may be another one. */
static void read_credentials(struct capture *c, const struct descriptor_view *d,
			     struct unix_payload *u)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	if (getsockopt(d->borrowed, SOL_SOCKET, SO_PEERCRED, &peer, &length) || peer.pid <= 0)
		return;
	u->peer_pid = round_virtual_pid(c->round, peer.pid);
	if (!u->peer_pid)
		u->peer_pid = c->process->pid == c->process->virtual_pid ?
				      peer.pid : ask_inside(c, d->number);
	u->peer_uid = peer.uid;
	u->peer_gid = peer.gid;
}

/*
 * A byte sent with MSG_OOB. A peek at the whole queue ends in front of it (unix(7), Linux 5.15);
 * peeking on from there sees it as if it were in the stream.
 */
static int find_urgent(const struct descriptor_view *d, struct unix_payload *u,
		       struct buffer *queue)
{
	size_t offset = 0, at = 0;
	struct message_view m;
	uint8_t byte, *data;
	int marked = 0;
	ssize_t n;

	if (u->type != SOCK_STREAM ||
	    recv(d->borrowed, &byte, 1, MSG_OOB | MSG_PEEK | MSG_DONTWAIT) != 1)
		return 0;
	u->urgent = byte + 1u;
	if (ioctl(d->borrowed, SIOCATMARK, &marked) || marked)
		return 0;
	data = malloc(queue->bytes);
	if (!data)
		return -ENOMEM;
	n = recv(d->borrowed, data, queue->bytes, MSG_PEEK | MSG_DONTWAIT);
	free(data);
	u->urgent_at = n > 0 ? n : 0;
	while (at < u->urgent_at && socket_queue_next(queue->data, queue->bytes, &offset, &m))
		at += m.head.bytes;
	if (at == u->urgent_at && socket_queue_next(queue->data, queue->bytes, &offset, &m) &&
	    m.head.bytes && *(const uint8_t *)m.data == byte)
		u->urgent_seen = 1;
	return 0;
}

static int capture_queue(struct capture *c, const struct descriptor_view *d,
			 const struct unix_info *s, struct unix_payload *u, struct buffer *queue)
{
	int ret = socket_queue_peek(c->round, d->borrowed, queue, &u->messages, c->fault);

	u->queue_bytes = queue->bytes;
	if (!ret)
		unix_renew(c->round, c->process, d->borrowed, s, queue);
	if (!ret)
		ret = find_urgent(d, u, queue);
	if (!ret || ret == -EINVAL)
		return 0;
	return fault_set(c->fault, -ret, "not-supported",
			 "process %d: descriptor %d (%s): its queue cannot be read: %s",
			 c->process->virtual_pid, d->number, d->link, strerror(-ret));
}

static void pad(struct buffer *b)
{
	static const uint8_t zeros[8];

	buffer_append(b, zeros, -b->bytes & 7);
}

static int unix_capture(struct capture *c, const struct descriptor_view *d, uint64_t file_id,
			struct buffer *payload)
{
	struct inventory *i = c->round->descriptors;
	char directory[PATH_MAX] = "", peer_directory[PATH_MAX] = "";
	struct unix_payload u = { .bytes = sizeof(u), .standard = -1 };
	struct buffer options = { 0 }, queue = { 0 };
	const struct unix_info *s;
	bool is_new;
	int ret;

	/* nothing, unless the round went without a drain */
	ret = unix_drain(c->round, 0, c->fault);
	if (ret)
		return ret;
	s = i->unix_sockets ? unix_table_find(i->unix_sockets, d->status.st_ino) : NULL;
	if (!s)
		return fault_set(c->fault, EOPNOTSUPP, "not-supported",
				 "process %d: descriptor %d (%s) is in another network namespace",
				 c->process->virtual_pid, d->number, d->link);
	u.type = s->type;
	u.object = round_inode_id(c->round, d->status.st_dev, d->status.st_ino | OBJECT_BIT,
			&is_new);
	u.shutdown = s->shutdown;
	read_name(c->round, d, s, &u.name, directory, u.renamed);
	unix_name_owner(&u, directory);
	read_credentials(c, d, &u);
	if (s->state == TCP_LISTEN) {
		u.state = UNIX_LISTENING;
		u.backlog = s->backlog;
		u.waiting = s->waiting_count;
		backlog_capture(c, s->inode, file_id);
	} else {
		read_peer(c, d, s, &u, peer_directory);
		ret = capture_queue(c, d, s, &u, &queue);
	}
	if (u.peer == UNIX_PEER_OUTSIDE && helper_owns(c->process, d->number))
		u.peer = UNIX_PEER_GONE; /* the library connects anew */
	if (u.peer == UNIX_PEER_OUTSIDE)
		u.standard = find_standard(i, d);
	u.options = socket_options_capture(d->borrowed, AF_UNIX, u.type, &options);
	buffer_append(payload, &u, sizeof(u));
	buffer_append(payload, directory, u.name.directory_bytes);
	buffer_append(payload, peer_directory, u.peer_name.directory_bytes);
	pad(payload);
	buffer_append(payload, options.data, options.bytes);
	for (uint32_t n = 0; n < u.waiting; n++) {
		struct inventory_entry *client = find_socket(i, d->status.st_dev, s->waiting[n]);
		uint64_t id = client ? client->file_id : 0;

		buffer_append(payload, &id, sizeof(id));
	}
	buffer_append(payload, queue.data, queue.bytes);
	payload->failed |= options.failed;
	buffer_free(&options);
	buffer_free(&queue);
	return ret;
}

bool unix_view_read(const void *payload, size_t bytes, struct unix_view *v)
{
	size_t left, options_bytes, waiting_bytes, names;
	const char *tail;

	file_payload_head(payload, bytes, &v->head, sizeof(v->head));
	tail = file_payload_tail(payload, bytes, &left);
	names = (size_t)v->head.name.directory_bytes + v->head.peer_name.directory_bytes;
	options_bytes = (size_t)v->head.options * sizeof(struct socket_option);
	waiting_bytes = (size_t)v->head.waiting * sizeof(uint64_t);
	if (v->head.name.bytes > UNIX_NAME_BYTES || v->head.peer_name.bytes > UNIX_NAME_BYTES ||
	    v->head.name.directory_bytes >= sizeof(v->directory) ||
	    v->head.peer_name.directory_bytes >= sizeof(v->peer_directory) ||
	    names + (-names & 7) + options_bytes + waiting_bytes + v->head.queue_bytes > left)
		return false;
	memcpy(v->directory, tail, v->head.name.directory_bytes);
	v->directory[v->head.name.directory_bytes] = 0;
	memcpy(v->peer_directory, tail + v->head.name.directory_bytes,
	       v->head.peer_name.directory_bytes);
	v->peer_directory[v->head.peer_name.directory_bytes] = 0;
	tail += names + (-names & 7);
	v->options = (const struct socket_option *)tail;
	v->waiting = (const uint64_t *)(tail + options_bytes);
	v->queue = tail + options_bytes + waiting_bytes;
	return true;
}

const struct file_kind_ops unix_socket_kind = {
	.kind = FILE_UNIX_SOCKET,
	.name = "Unix socket",
	.claims = unix_claims,
	.unsettled = unix_unsettled,
	.drain = unix_drain,
	.capture = unix_capture,
	.restore = unix_restore,
	.restore_last = unix_restore_last,
	.describe = unix_describe,
};

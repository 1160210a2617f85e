/* TCP and UDP: when all processes stand, what was queued is sent by the other end. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../common/monotonic.h"
#include "backlog.h"
#include "file_index.h"
#include "inet_ended.h"
#include "inet_far.h"
#include "inet_met.h"
#include "inet_pair.h"
#include "kinds.h"
#include "socket_queue.h"

#define SEND_LIMIT_MS 10000

/* Brings the bytes into the queue of @fd: the receive buffer is made large enough for them. */
static int send_stream(int fd, int sender, const struct inet_view *v)
{
	uint64_t deadline = monotonic_ms() + SEND_LIMIT_MS;
	struct inet_room room = { 0 }, sending;
	bool stays = inet_room_stays(fd, v->head.queue_bytes);
	bool overflows = inet_room_overflows(fd, v->head.queue_bytes);
	int waiting, ret;

	if (!stays)
		inet_room_make(fd, v->head.queue_bytes, &room);
	inet_room_hold(sender, v->head.queue_bytes, &sending);
	ret = inet_send_queue(sender, fd, v->queue, v->head.queue_bytes, v->head.urgent,
			      v->head.urgent_at, deadline);
	inet_room_unhold(sender, &sending);
	/* What is still on its way is acknowledged within milliseconds; then the room may go. */
	while (!ret && !overflows && !ioctl(sender, SIOCOUTQ, &waiting) && waiting > 0 &&
	       monotonic_ms() < deadline) {
		const struct timespec time = { .tv_nsec = 200000 };

		inet_room_offer(fd);
		nanosleep(&time, NULL);
	}
	if (!stays)
		inet_room_leave(fd, &room);
	return ret;
}

static int finish_stream(struct rebuilt_process *p, const struct file_record *f, int fd,
			 const struct inet_view *v)
{
	struct inet_view peer;
	struct file_view other;
	bool have_peer;
	int sender = -1, ret = 0;

	have_peer = inet_peer_find(p->rebuild, f->id, &v->head, &other) &&
		    inet_view_read(other.payload, other.bytes, &peer);
	if (have_peer)
		sender = rebuild_lookup(p->rebuild, other.head.id);
	else if (v->head.peer == INET_PEER_REMOTE &&
		 inet_met_find(p->rebuild, v->head.connection)) {
		ret = inet_far_finish(p, v, fd);
		inet_restore_reuse(fd, v);
		return ret;
	}
	if (sender < 0)
		sender = rebuild_lookup(p->rebuild, v->head.object);
	if (sender < 0)
		return 0; /* it was given the restart's own standard file */
	if (v->head.queue_bytes || v->head.urgent)
		ret = send_stream(fd, sender, v);
	if (have_peer) {
		if (peer.head.closed)
			shutdown(sender, SHUT_WR);
	} else if (v->head.closed) {
		shutdown(fd, SHUT_WR);
	}
	if (v->head.reads_end)
		shutdown(fd, SHUT_RD);
	return ret;
}

/* A member's socket that sends from this address, else one for this message; -1: cannot be had. */
static int sender_from(struct rebuilt_process *p, const struct message_view *m, bool *ours)
{
	struct inet_address from = { .bytes = m->head.address_bytes };
	size_t position = 0;
	struct file_view f;
	int fd;

	if (!from.bytes || from.bytes > sizeof(from.raw))
		return -1;
	memcpy(from.raw, m->address, from.bytes);
	while (file_index_next(p->rebuild, FILE_INET_SOCKET, &position, &f)) {
		struct inet_payload u;

		file_payload_head(f.payload, f.bytes, &u, sizeof(u));
		if (u.type == SOCK_DGRAM && inet_port(&u.local) == inet_port(&from) &&
		    (inet_is_wildcard(&u.local) || inet_same_address(&u.local, &from))) {
			*ours = false;
			return file_index_open(p, f.head.id);
		}
	}
	fd = socket(from.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	inet_set_reuse(fd, 1);
	if (bind(fd, &from.any, from.bytes)) {
		close(fd);
		return -1;
	}
	*ours = true;
	return fd;
}

/* Datagrams may be lost: one whose sender cannot be had again is. */
static void send_datagrams(struct rebuilt_process *p, const struct inet_view *v, int fd)
{
	struct inet_address to = v->head.local;
	struct message_view m;
	socklen_t length = sizeof(to.raw);
	size_t offset = 0;

	getsockname(fd, &to.any, &length); /* on another host it may be another one */
	if (inet_is_wildcard(&to))
		inet_make_loopback(&to);
	while (socket_queue_next(v->queue, v->head.queue_bytes, &offset, &m)) {
		bool ours = false;
		int sender = sender_from(p, &m, &ours);

		if (sender < 0)
			continue;
		sendto(sender, m.data, m.head.bytes, MSG_DONTWAIT | MSG_NOSIGNAL, &to.any,
				to.bytes);
		if (ours)
			close(sender);
	}
}

/* connect(2) that does not wait for an answer. */
static int start_connecting(int fd, const struct file_record *f, const struct inet_view *v)
{
	int ret;

	if (!v->head.remote.bytes)
		return 0;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	ret = connect(fd, &v->head.remote.any, v->head.remote.bytes) ? -errno : 0;
	fcntl(fd, F_SETFL, f->flags & O_NONBLOCK);
	return ret == -EINPROGRESS ? 0 : ret;
}

/* A client whose listener was on another host, and may be in this restart. */
static int join_line(struct rebuilt_process *p, const struct file_record *f,
		     const struct inet_view *v, int fd)
{
	uint64_t file = inet_waited_find(p->rebuild, v->head.connection);
	int there = file ? file_index_open(p, file) : -1;
	struct inet_view to = *v;

	if (there < 0)
		return file ? there : 0;
	memset(&to.head.local, 0, sizeof(to.head.local));
	to.head.local.any.sa_family = v->head.family;
	inet_make_loopback(&to.head.local);
	to.head.remote = inet_reachable(there, &to, v->head.family);
	return start_connecting(fd, f, &to);
}

int inet_restore_last(struct rebuilt_process *p, const struct file_record *f, const void *payload,
		      size_t bytes, int fd)
{
	struct inet_view v;
	int ret = 0;

	if (!inet_view_read(payload, bytes, &v))
		return -EPROTO;
	if (inet_waits_far(&v)) {
		ret = join_line(p, f, &v, fd);
	} else if (v.head.type == SOCK_STREAM && v.head.state == INET_CONNECTED) {
		ret = finish_stream(p, f, fd, &v);
	} else if (v.head.type == SOCK_STREAM) {
		if (v.head.state == INET_REFUSED)
			ret = inet_be_refused(fd, v.head.family);
		if (v.head.state == INET_LISTENING) {
			ret = backlog_connect(p, f->id, fd);
			inet_defer_accept(fd, &v, true);
		}
		if ((v.head.state == INET_WAITING && !backlog_has_client(p->rebuild, f->id)) ||
		    v.head.state == INET_CONNECTING)
			ret = start_connecting(fd, f, &v);
		/* Nobody there: the program finds out as it would have. */
		if (v.head.state == INET_CONNECTING)
			ret = 0;
	} else {
		send_datagrams(p, &v, fd);
		if (v.head.state == INET_CONNECTED)
			start_connecting(fd, f, &v);
	}
	return ret ? fault_set(p->fault, -ret, "socket-not-restored",
			       "process %d: what waited in the socket of port %d: %s",
			       p->image->header.virtual_pid, ntohs(inet_port(&v.head.local)),
			       strerror(-ret)) : 0;
}

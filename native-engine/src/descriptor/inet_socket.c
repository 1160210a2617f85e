/*
 * TCP and UDP: capture. Between members what was on its way is in the queues by now (inet_drain.c).
 */
#include "inet_socket.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../engine/round.h"
#include "backlog.h"
#include "inet_drain.h"
#include "inet_keeper.h"
#include "inet_waiting.h"
#include "kinds.h"
#include "mptcp.h"
#include "multicast.h"
#include "socket_queue.h"
#include "tcp_info.h"

/* Tells the id of a socket from that of what a restart keeps beside it. */
#define OBJECT_BIT (1ull << 63)
#define UNSENT_LIMIT_MS 50
#define PEEKS_AT_MOST 4

static bool inet_claims(const struct descriptor_view *d)
{
	static const char *const protocols[] = { "TCP", "TCPv6", "UDP", "UDPv6", "UDP-Lite",
			"UDPLITEv6", "MPTCP", "MPTCPv6" };

	if (!S_ISSOCK(d->status.st_mode))
		return false;
	for (size_t n = 0; n < sizeof(protocols) / sizeof(*protocols); n++)
		if (!strcmp(d->protocol, protocols[n]))
			return true;
	return false;
}

/* A listener with clients that it has not accepted. */
static bool has_queue(const struct inventory_entry *e)
{
	struct tcp_summary info;
	int fd = inventory_borrow(e);
	bool found = fd >= 0 && !tcp_info_read(fd, &info) && info.state == TCP_LISTEN &&
		     info.waiting;

	if (fd >= 0)
		close(fd);
	return found;
}

/* The table is read again for the drain: other hosts may run on until then. */
static bool inet_unsettled(struct round *r)
{
	struct inventory *i = r->descriptors;
	struct inet_table *t = NULL;
	struct fault ignored = { 0 };
	bool listens = false, found = false;

	for (size_t n = 0; n < i->count && !listens; n++)
		if (i->entries[n].kind == &inet_socket_kind && i->entries[n].first)
			listens = has_queue(&i->entries[n]);
	if (!listens || inet_table_read(r, &t, &ignored))
		return false;
	for (size_t n = 0; n < t->count && !found; n++)
		found = t->sockets[n].listener && t->sockets[n].bytes_sent;
	inet_table_free(t);
	return found;
}

static int inet_drain_round(struct round *r, uint32_t timeout_ms, struct fault *fault)
{
	struct inventory *i = r->descriptors;
	bool any = false;
	int ret;

	if (i->inet_sockets)
		return 0;
	for (size_t n = 0; n < i->count && !any; n++)
		any = i->entries[n].kind == &inet_socket_kind;
	for (size_t n = 0; n < i->detached_count && !any; n++)
		any = i->detached[n].kind == &inet_socket_kind;
	if (!any)
		return 0;
	ret = inet_table_read(r, &i->inet_sockets, fault);
	if (!ret)
		inet_table_mark_remotes(i->inet_sockets, r->remotes, r->remote_count);
	return ret ? ret : inet_drain(i->inet_sockets, r, timeout_ms, fault);
}

static void inet_refill_round(struct round *r)
{
	if (r->descriptors->inet_sockets)
		inet_refill(r->descriptors->inet_sockets, r);
}

static int socket_number(int fd, int name)
{
	socklen_t length = sizeof(int);
	int value = 0;

	getsockopt(fd, SOL_SOCKET, name, &value, &length);
	return value;
}

/* Peeks at what stands behind the first @offset bytes of the queue. */
static ssize_t peek_behind(int fd, int offset, uint8_t *data, size_t bytes)
{
	int before = socket_number(fd, SO_PEEK_OFF);
	ssize_t n;

	if (setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset)))
		return 0; /* TCP knows it since Linux 6.9 */
	n = recv(fd, data, bytes, MSG_PEEK | MSG_DONTWAIT);
	setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &before, sizeof(before));
	return n > 0 ? n : 0;
}

/*
 * A read stops in front of urgent data, and SIOCINQ counts no further (tcp(7)): that byte is looked
 * at by itself, then what follows it.
 */
static int peek_urgent(int fd, struct inet_payload *u, size_t used, struct buffer *queue)
{
	/* All that can be there: at a hole in the sequence the peek cannot be continued. */
	size_t room = socket_number(fd, SO_RCVBUF), skip = 0;
	uint8_t *data, byte;
	ssize_t n;

	if (recv(fd, &byte, 1, MSG_OOB | MSG_PEEK | MSG_DONTWAIT) == 1)
		u->urgent = byte + 1u;
	u->urgent_at = used;
	data = malloc(room + 1);
	if (!data)
		return -ENOMEM;
	n = peek_behind(fd, used, data, room);
	if (n && socket_number(fd, SO_OOBINLINE)) {
		u->urgent = data[0] + 1u;
		skip = 1;
	}
	buffer_append(queue, data + skip, n - skip);
	free(data);
	return 0;
}

/* Everything in the receive queue, which stays there. */
static int peek_stream(int fd, const struct inet_info *s, struct inet_payload *u,
		       struct buffer *queue)
{
	int waiting = 0;
	uint8_t *data;
	ssize_t n;

	if (ioctl(fd, SIOCINQ, &waiting) || waiting < 0)
		waiting = 0;
	/* A read that finds nothing is told the error, once. */
	if (!waiting && s->end == INET_END_RESET)
		return 0;
	data = malloc(waiting + 1);
	if (!data)
		return -ENOMEM;
	/* A peek for more than there is would, in older kernels with MPTCP, begin again at the front. */
	n = recv(fd, data, waiting ? waiting : 1, MSG_PEEK | MSG_DONTWAIT);
	/* The end of a connection that the peer has not closed: this side does not want to read. */
	u->reads_end = !n && s->tcp_state == TCP_ESTABLISHED;
	if (n < 0)
		n = 0;
	buffer_append(queue, data, n);
	free(data);
	/* It has no urgent data, and takes MSG_OOB for nothing: mptcp_recvmsg(). */
	if (s->protocol == IPPROTO_MPTCP || s->end == INET_END_RESET)
		return 0;
	return peek_urgent(fd, u, n, queue);
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

/* The connection is over. */
static void read_end(const struct inet_info *s, struct inet_payload *u)
{
	u->was_connected = s->was_connected;
	if (s->end == INET_END_REFUSED)
		u->state = INET_REFUSED;
	if (s->end != INET_END_CLOSED && s->end != INET_END_RESET)
		return;
	u->state = INET_CONNECTED;
	u->peer = s->end == INET_END_CLOSED ? INET_PEER_GONE : INET_PEER_RESET;
	u->closed = s->end == INET_END_CLOSED;
}

static void read_stream_state(const struct inet_info *s, struct inet_payload *u)
{
	u->closed = inet_has_closed(s->tcp_state);
	switch (s->tcp_state) {
	case TCP_LISTEN:
		u->state = INET_LISTENING;
		u->backlog = s->backlog;
		return;
	case TCP_SYN_SENT:
		u->state = INET_CONNECTING;
		if (!u->remote.bytes)
			inet_connecting_to(s, &u->remote);
		return;
	case TCP_CLOSE:
		read_end(s, u);
		return;
	}
	u->state = INET_CONNECTED;
	if (s->peer) {
		u->peer = INET_PEER_MEMBER;
		u->peer_file = s->peer->entry->file_id;
	} else if (s->far) {
		if (s->far->waits)
			u->state = INET_WAITING;
		u->peer = INET_PEER_REMOTE;
		u->connection = s->far->connection;
		u->acceptor = s->far->acceptor;
	} else if (s->listener) {
		u->state = INET_WAITING;
		u->peer = INET_PEER_MEMBER;
		u->peer_file = s->listener->entry->file_id;
	} else if (s->tcp_state == TCP_CLOSE_WAIT || s->tcp_state == TCP_LAST_ACK ||
		   s->tcp_state == TCP_CLOSING || s->tcp_state == TCP_TIME_WAIT) {
		u->peer = INET_PEER_GONE;
	} else {
		u->peer = INET_PEER_OUTSIDE;
	}
}

/*
 * UDP: a datagram that is still being put together can be seen by nobody. What a network card has
 * not sent yet counts the same, but not for long.
 */
static bool has_unsent(int fd)
{
	const struct timespec pause = { .tv_nsec = 1000 * 1000 };
	int bytes = 0;

	for (int n = 0; n < UNSENT_LIMIT_MS; n++) {
		if (ioctl(fd, SIOCOUTQ, &bytes) || !bytes)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

/*
 * An error that the network has reported (connection refused) is told to the next call, once: not
 * to ours when nothing is queued. When something is, the error is lost, and the data comes next.
 */
static int peek_datagrams(struct capture *c, const struct descriptor_view *d,
			  struct inet_payload *u, struct buffer *queue)
{
	struct pollfd state = { .fd = d->borrowed, .events = POLLIN };
	int ret = 0;

	if (poll(&state, 1, 0) > 0 && !(state.revents & POLLIN))
		return 0;
	for (int tries = 0; tries < PEEKS_AT_MOST; tries++) {
		queue->bytes = 0;
		ret = socket_queue_peek(c->round, d->borrowed, queue, &u->messages, c->fault);
		if (!ret || ret == -EINVAL || ret == -ENOMEM)
			break;
	}
	return ret == -EINVAL ? 0 : ret;
}

static int capture_queue(struct capture *c, const struct descriptor_view *d,
			 const struct inet_info *s, struct inet_payload *u, struct buffer *queue)
{
	uint64_t kept_bytes, urgent_at;
	const uint8_t *kept;
	uint32_t urgent;
	int ret;

	if (!inet_is_stream(s))
		return peek_datagrams(c, d, u, queue);
	for (size_t n = 0; u->state == INET_LISTENING && n < c->round->remote_count; n++)
		if (c->round->remotes[n].key == s->inode)
			buffer_append(queue, &c->round->remotes[n].connection, sizeof(uint64_t));
	if (u->state != INET_CONNECTED)
		return 0;
	kept_bytes = inet_kept(c->round->descriptors->inet_sockets, s, &kept, &urgent, &urgent_at);
	buffer_append(queue, kept, kept_bytes);
	ret = peek_stream(d->borrowed, s, u, queue);
	u->urgent_at += kept_bytes;
	if (urgent) {
		u->urgent = urgent;
		u->urgent_at = urgent_at;
	}
	return ret;
}

static int inet_capture(struct capture *c, const struct descriptor_view *d, uint64_t file_id,
			struct buffer *payload)
{
	struct inet_payload u = { .bytes = sizeof(u), .standard = -1 };
	struct buffer options = { 0 }, queue = { 0 };
	const struct inet_info *s;
	bool is_new;
	int ret;

	s = inet_table_find(c->round->descriptors->inet_sockets, d->status.st_ino);
	if (!s)
		return fault_set(c->fault, EPROTO, "internal",
				 "process %d: descriptor %d (%s): the round had no drain",
				 c->process->virtual_pid, d->number, d->link);
	if (!inet_is_stream(s) && has_unsent(d->borrowed))
		return fault_set(c->fault, EOPNOTSUPP, "not-supported",
				 "process %d: descriptor %d (%s) holds back the beginning of a "
				 "datagram (UDP_CORK, MSG_MORE)",
				 c->process->virtual_pid, d->number, d->link);
	u.family = s->family;
	u.type = s->type;
	u.protocol = s->protocol;
	u.object = round_inode_id(c->round, d->status.st_dev, d->status.st_ino | OBJECT_BIT,
			&is_new);
	u.local = s->local;
	u.remote = s->remote;
	if (inet_is_stream(s)) {
		read_stream_state(s, &u);
		if (u.state == INET_LISTENING)
			backlog_capture(c, s->inode, file_id);
	} else if (s->remote.bytes) {
		u.state = INET_CONNECTED;
		u.peer = s->peer ? INET_PEER_MEMBER : INET_PEER_OUTSIDE;
		u.peer_file = s->peer ? s->peer->entry->file_id : 0;
	}
	if (u.peer == INET_PEER_OUTSIDE && inet_is_stream(s))
		u.standard = find_standard(c->round->descriptors, d);
	ret = capture_queue(c, d, s, &u, &queue);
	if (ret)
		fault_set(c->fault, -ret, "not-supported",
			  "process %d: descriptor %d (%s): its queue cannot be read: %s",
			  c->process->virtual_pid, d->number, d->link, strerror(-ret));
	u.queue_bytes = queue.bytes;
	u.options = socket_options_capture(d->borrowed, u.family, u.type, &options);
	if (u.type == SOCK_DGRAM)
		u.options += multicast_capture(d->pid, d->borrowed, u.family, &options);
	/* While draining the socket differs from what the program has set. */
	if (s->room.changed && s->room.locks > 0 && s->room.locks & SOCK_RCVBUF_LOCK) {
		struct socket_option size = { SOL_SOCKET, SO_RCVBUF, sizeof(int), true, { 0 } };
		int half = s->room.buffer / 2; /* socket(7): the kernel doubles what is set */

		memcpy(size.value, &half, sizeof(half));
		buffer_append(&options, &size, sizeof(size));
		u.options++;
	}
	if (s->corked) {
		struct socket_option cork = { IPPROTO_TCP, TCP_CORK, sizeof(int), 0, { 1 } };

		buffer_append(&options, &cork, sizeof(cork));
		u.options++;
	}
	buffer_append(payload, &u, sizeof(u));
	buffer_append(payload, options.data, options.bytes);
	buffer_append(payload, queue.data, queue.bytes);
	payload->failed |= options.failed | queue.failed;
	buffer_free(&options);
	buffer_free(&queue);
	return ret;
}

bool inet_view_read(const void *payload, size_t bytes, struct inet_view *v)
{
	size_t left, options_bytes;
	const char *tail;

	file_payload_head(payload, bytes, &v->head, sizeof(v->head));
	tail = file_payload_tail(payload, bytes, &left);
	options_bytes = (size_t)v->head.options * sizeof(struct socket_option);
	if (options_bytes > left || v->head.queue_bytes > left - options_bytes)
		return false;
	v->options = (const struct socket_option *)tail;
	v->queue = tail + options_bytes;
	return true;
}

const struct file_kind_ops inet_socket_kind = {
	.kind = FILE_INET_SOCKET,
	.name = "socket",
	.claims = inet_claims,
	.unsettled = inet_unsettled,
	.drain = inet_drain_round,
	.refill = inet_refill_round,
	.capture = inet_capture,
	.restore = inet_restore,
	.restore_last = inet_restore_last,
	.describe = inet_describe,
};

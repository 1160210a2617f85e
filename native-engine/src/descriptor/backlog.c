#include "backlog.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../resource/records.h"
#include "backlog_clients.h"
#include "kinds.h"
#include "mptcp.h"
#include "socket_options.h"
#include "socket_queue.h"
#include "tcp_info.h"
#include "unix_socket.h"

#define SPARE 256 /* descriptors of ours: SCM_MAX_FD, and a few */
#define CONNECT_MS 2000 /* over the loopback device, however busy the processors are */

/* ---- what a client has sent ---- */

static int look_at_stream(int fd, struct buffer *data)
{
	struct queued_message head = { 0 };
	static const uint8_t zeros[8];
	int waiting = 0;
	uint8_t *bytes;
	ssize_t n;

	if (ioctl(fd, SIOCINQ, &waiting) || waiting <= 0)
		return 0;
	bytes = malloc(waiting);
	if (!bytes)
		return -ENOMEM;
	n = recv(fd, bytes, waiting, MSG_PEEK | MSG_DONTWAIT);
	if (n > 0) {
		head.bytes = n;
		buffer_append(data, &head, sizeof(head));
		buffer_append(data, bytes, n);
		buffer_append(data, zeros, -n & 7);
	}
	free(bytes);
	return data->failed ? -ENOMEM : 0;
}

static int protocol_of(int fd)
{
	socklen_t length = sizeof(int);
	int protocol = 0;

	getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length);
	return protocol;
}

/*
 * A peek ends in front of urgent data: what lies behind can only be read, and has to be sent again.
 * -EBUSY: it was so.
 */
static int take_urgent(struct waiting_client *w)
{
	uint8_t part[4096], byte;
	ssize_t n;

	/* MPTCP takes MSG_OOB for nothing. */
	if (protocol_of(w->accepted) == IPPROTO_MPTCP ||
	    recv(w->accepted, &byte, 1, MSG_OOB | MSG_PEEK | MSG_DONTWAIT) != 1)
		return 0;
	do {
		int marked = 0;

		if (!w->urgent && !ioctl(w->accepted, SIOCATMARK, &marked) && marked &&
		    recv(w->accepted, &byte, 1, MSG_OOB | MSG_DONTWAIT) == 1) {
			w->urgent = byte + 1;
			w->urgent_at = w->whole.bytes;
		}
		n = recv(w->accepted, part, sizeof(part), MSG_DONTWAIT);
		if (n > 0)
			buffer_append(&w->whole, part, n);
	} while (n > 0);
	return w->whole.failed ? -ENOMEM : -EBUSY;
}

static int look_at(struct round *r, int family, int fd, struct buffer *data, struct fault *fault)
{
	uint32_t count;

	if (family != AF_UNIX)
		return look_at_stream(fd, data);
	return socket_queue_peek(r, fd, data, &count, fault);
}

/* ---- connecting again ---- */

static int send_all(int fd, const struct buffer *data)
{
	struct message_view m;
	size_t offset = 0;

	while (socket_queue_next(data->data, data->bytes, &offset, &m))
		if (send(fd, m.data, m.head.bytes, MSG_DONTWAIT | MSG_NOSIGNAL) !=
		    (ssize_t)m.head.bytes)
			return errno ? -errno : -EIO;
	return 0;
}

static int send_urgent(int fd, const struct waiting_client *w)
{
	size_t after = w->whole.bytes - w->urgent_at;
	uint8_t byte = w->urgent - 1;

	if (send(fd, w->whole.data, w->urgent_at, MSG_DONTWAIT | MSG_NOSIGNAL) !=
		    (ssize_t)w->urgent_at ||
	    send(fd, &byte, 1, MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL) != 1 ||
	    send(fd, w->whole.data + w->urgent_at, after, MSG_DONTWAIT | MSG_NOSIGNAL) !=
		    (ssize_t)after)
		return errno ? -errno : -EIO;
	return 0;
}

/* Takes the messages of a Unix socket out of @from, descriptors in flight included. */
static int move_all(int from, int fd, const struct buffer *data)
{
	char control[CMSG_SPACE(256 * sizeof(int))];
	uint8_t *bytes = malloc(data->bytes + 1);
	struct message_view m;
	size_t offset = 0;
	int ret = bytes ? 0 : -ENOMEM;

	while (!ret && socket_queue_next(data->data, data->bytes, &offset, &m)) {
		struct iovec iov = { .iov_base = bytes, .iov_len = m.head.bytes };
		struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
					  .msg_controllen = sizeof(control) };

		if (recvmsg(from, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) !=
			    (ssize_t)m.head.bytes ||
		    sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)m.head.bytes)
			ret = errno ? -errno : -EIO;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
			for (size_t n = 0; c->cmsg_type == SCM_RIGHTS &&
					   CMSG_LEN((n + 1) * sizeof(int)) <= c->cmsg_len; n++)
				close(((int *)CMSG_DATA(c))[n]);
	}
	free(bytes);
	return ret;
}

static int say_again(const struct waiting_client *w, int fd, const struct backlog_client *b)
{
	if (w->urgent)
		return send_urgent(fd, w);
	return b->from.bytes ? send_all(fd, &b->data) : move_all(w->accepted, fd, &b->data);
}

static void await_acknowledgement(int fd)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	int waiting = 0;

	for (int n = 0; n < ACKNOWLEDGED_MS && !ioctl(fd, SIOCOUTQ, &waiting) && waiting; n++)
		nanosleep(&moment, NULL);
}

/* Calls in the client's process: a new socket, connected if @address, in place of the old one. */
static int replace(const struct waiting_client *w, const struct waiting_line *line, int protocol,
		   struct fault *fault)
{
	struct thread *t = process_live_thread(w->process);
	uint64_t scratch;
	long fd = -1, result = 0;
	int ret = inject_begin(t, fault);

	if (ret)
		return ret;
	/* One from outside may take the place: no call may wait for it. */
	ret = inject_syscall(t, &fd, SYS_socket, line->family,
			     line->type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol, 0, 0, 0);
	if (!ret && fd < 0)
		ret = (int)fd;
	if (!ret && line->family == AF_UNIX) {
		ret = inject_scratch(t, &scratch, fault);
		if (!ret)
			ret = process_write(w->process, scratch, &line->inside, line->inside_bytes);
		if (!ret)
			ret = inject_syscall(t, &result, SYS_connect, fd, scratch,
					     line->inside_bytes, 0, 0, 0);
		if (!ret && result < 0)
			ret = (int)result;
	}
	for (size_t n = 0; n < w->number_count && !ret; n++) {
		ret = inject_syscall(t, &result, SYS_dup3, fd, w->numbers[n].number,
				     w->numbers[n].close_on_exec ? O_CLOEXEC : 0, 0, 0, 0);
		if (!ret && result < 0)
			ret = (int)result;
	}
	if (fd >= 0)
		inject_syscall(t, &result, SYS_close, fd, 0, 0, 0, 0, 0);
	inject_end(t);
	return ret;
}

/*
 * The reset that frees the port may still be on its way through the loopback device. One that stays
 * taken is not worth losing the connection for: then the kernel chooses another.
 */
static void bind_soon(int fd, const struct inet_address *from)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	for (int n = 0; n < CONNECT_MS && from->bytes; n++) {
		if (!bind(fd, &from->any, from->bytes) || errno != EADDRINUSE)
			return;
		nanosleep(&moment, NULL);
	}
}

static int connect_tcp(int fd, const struct inet_address *from, const struct inet_address *to)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	int before = 0, on = 1;
	socklen_t length = sizeof(before);

	getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &before, &length);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	bind_soon(fd, from);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &before, sizeof(before));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (connect(fd, &to->any, to->bytes) && errno != EINPROGRESS)
		return -errno;
	return poll(&ready, 1, CONNECT_MS) == 1 ? 0 : -ETIMEDOUT;
}

/* A client that lives: it gets another socket, which is as its old one. */
static int renew(const struct waiting_client *w, const struct waiting_line *line,
		 struct backlog_client *b, struct fault *fault)
{
	const struct socket_option *set;
	struct buffer options = { 0 };
	struct f_owner_ex owner = { 0 };
	struct stat status;
	int fd, ret, signal, protocol;
	uint32_t count;

	fd = (int)syscall(SYS_pidfd_getfd, w->process->pidfd, w->numbers[0].number, 0);
	if (fd < 0)
		return -errno;
	count = socket_options_capture(fd, line->family, line->type, &options);
	protocol = protocol_of(fd);
	signal = fcntl(fd, F_GETSIG);
	fcntl(fd, F_GETOWN_EX, &owner);
	close(fd);
	set = (const struct socket_option *)options.data;
	ret = options.failed ? -ENOMEM : replace(w, line, protocol, fault);
	fd = ret ? -1 : (int)syscall(SYS_pidfd_getfd, w->process->pidfd, w->numbers[0].number, 0);
	if (!ret && fd < 0)
		ret = -errno;
	if (!ret) {
		socket_options_restore(fd, set, count, true);
		if (line->family != AF_UNIX)
			ret = connect_tcp(fd, &b->from, &w->to);
		socket_options_restore(fd, set, count, false);
	}
	if (!ret)
		ret = say_again(w, fd, b);
	if (!ret && b->ended)
		shutdown(fd, SHUT_WR);
	if (!ret && line->family != AF_UNIX)
		await_acknowledgement(fd);
	if (!ret && !fstat(fd, &status))
		b->client = status.st_ino;
	if (fd >= 0) {
		if (signal > 0)
			fcntl(fd, F_SETSIG, signal);
		if (owner.pid > 0)
			fcntl(fd, F_SETOWN_EX, &owner);
		fcntl(fd, F_SETFL, w->flags & (O_NONBLOCK | O_ASYNC));
		close(fd);
	}
	buffer_free(&options);
	return ret;
}

/* One that has closed: we speak for it. */
static int speak_for(const struct waiting_client *w, const struct waiting_line *line,
		     struct backlog_client *b)
{
	int fd = socket(line->family, line->type | SOCK_CLOEXEC, 0), ret;

	if (fd < 0)
		return -errno;
	if (line->family == AF_UNIX)
		ret = connect(fd, (const struct sockaddr *)&line->outside, line->outside_bytes) ?
			      -errno : 0;
	else
		ret = connect_tcp(fd, &b->from, &w->to);
	if (!ret)
		ret = say_again(w, fd, b);
	if (!ret && line->family != AF_UNIX)
		await_acknowledgement(fd);
	close(fd);
	return ret;
}

/* ---- one listener ---- */

static struct backlog_client *add_client(struct round *r)
{
	struct backlog *b = r->backlog;
	struct backlog_client *more;

	if (!b)
		b = r->backlog = calloc(1, sizeof(*b));
	more = b ? realloc(b->clients, (b->count + 1) * sizeof(*more)) : NULL;
	if (!more)
		return NULL;
	b->clients = more;
	memset(&more[b->count], 0, sizeof(*more));
	return &more[b->count++];
}

static bool has_ended(int fd)
{
	struct pollfd state = { .fd = fd, .events = POLLRDHUP };

	return poll(&state, 1, 0) == 1 && state.revents & (POLLRDHUP | POLLHUP);
}

/* Takes every client out of the queue: from here on they have to come back into it. */
static int accept_all(struct round *r, struct waiting_line *line, int fd, struct fault *fault)
{
	int ret = 0, one;

	/* Also after a failure: in the end they are to stand in their order. */
	for (size_t n = 0; n < line->count; n++) {
		struct waiting_client *w = &line->clients[n];
		struct pollfd ready = { .fd = fd, .events = POLLIN };

		if (poll(&ready, 1, 0) != 1)
			return -EAGAIN;
		w->accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (w->accepted < 0)
			return -errno;
		w->ended = has_ended(w->accepted);
		one = take_urgent(w);
		if (!one)
			one = look_at(r, line->family, w->accepted, &w->data, fault);
		ret = ret ? ret : one;
	}
	return ret;
}

static bool has_rights(const struct waiting_line *line)
{
	for (size_t n = 0; n < line->count; n++) {
		const struct buffer *data = &line->clients[n].data;
		struct message_view m;
		size_t offset = 0;

		while (socket_queue_next(data->data, data->bytes, &offset, &m))
			if (m.head.rights)
				return true;
	}
	return false;
}

static int come_back(struct round *r, struct waiting_line *line, struct fault *fault)
{
	const struct linger reset = { .l_onoff = 1 };
	int ret = 0;

	/* All connections end first, so that their ports are free. */
	if (line->family != AF_UNIX)
		waiting_line_match(line);
	for (size_t n = 0; n < line->count && line->family != AF_UNIX; n++) {
		if (line->clients[n].accepted < 0)
			continue;
		setsockopt(line->clients[n].accepted, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(line->clients[n].accepted);
	}
	for (size_t n = 0; n < line->count; n++) {
		struct waiting_client *w = &line->clients[n];
		struct backlog_client *b = w->accepted < 0 ? NULL : add_client(r);
		int one;

		if (!b)
			continue;
		b->listener = line->inode;
		b->from = w->from;
		b->ended = w->ended;
		b->data = w->data;
		memset(&w->data, 0, sizeof(w->data));
		one = w->process ? renew(w, line, b, fault) : speak_for(w, line, b);
		ret = ret ? ret : one;
		if (line->family == AF_UNIX)
			close(w->accepted);
	}
	return ret;
}

/* What it takes to come back: a socket, and all that may be in flight in one message. */
static int reserve(int fd, int spare[SPARE])
{
	for (size_t n = 0; n < SPARE; n++) {
		spare[n] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (spare[n] >= 0)
			continue;
		while (n--)
			close(spare[n]);
		return -EMFILE;
	}
	return 0;
}

static int take_line(struct round *r, struct waiting_line *line, struct fault *fault)
{
	int fd = inventory_borrow(line->listener), spare[SPARE], ret, back;

	if (fd < 0)
		return fd;
	ret = reserve(fd, spare);
	if (ret) {
		close(fd);
		return ret;
	}
	ret = accept_all(r, line, fd, fault);
	for (size_t n = 0; n < SPARE; n++)
		close(spare[n]);
	if (!ret && has_rights(line))
		ret = -EBUSY; /* their ids would not be those of the round */
	back = come_back(r, line, fault);
	close(fd);
	return ret ? ret : back;
}

int backlog_take(struct round *r, struct fault *fault)
{
	struct inventory *i = r->descriptors;
	int ret = unix_sockets_read(r, fault), taken = 0;

	for (size_t n = 0; n < i->count && !ret; n++) {
		struct inventory_entry *e = &i->entries[n];
		struct waiting_line line = { 0 };

		if (!e->first || (e->kind != &unix_socket_kind && e->kind != &inet_socket_kind) ||
		    inventory_inode_first(i, e) != e)
			continue;
		ret = waiting_line_read(r, e, &line, fault);
		if (!ret && line.count) {
			ret = take_line(r, &line, fault);
			taken = 1;
			if (ret)
				fault_set(fault, -ret, "socket-not-accepted",
					  "process %d: descriptor %d: clients have sent data and have "
					  "not been accepted yet: %s",
					  e->process->virtual_pid, e->view.number,
					  ret == -EBUSY ? "descriptors or urgent data are in flight" :
							  strerror(-ret));
		}
		waiting_line_free(&line);
	}
	return ret ? ret : taken;
}

void backlog_free(struct round *r)
{
	for (size_t n = 0; r->backlog && n < r->backlog->count; n++)
		buffer_free(&r->backlog->clients[n].data);
	if (r->backlog)
		free(r->backlog->clients);
	free(r->backlog);
	r->backlog = NULL;
}

bool backlog_knows(const struct round *r, uint64_t listener)
{
	for (size_t n = 0; r->backlog && n < r->backlog->count; n++)
		if (r->backlog->clients[n].listener == listener)
			return true;
	return false;
}

void backlog_capture(struct capture *c, uint64_t listener, uint64_t file_id)
{
	const struct backlog *b = c->round->backlog;
	uint32_t index = 0;

	for (size_t n = 0; b && n < b->count; n++) {
		const struct backlog_client *client = &b->clients[n];
		struct backlog_record record = { .listener = file_id, .ended = client->ended,
						 .from = client->from };

		if (client->listener != listener)
			continue;
		record.index = index++;
		if (client->client)
			record.client = waiting_file_id(c->round->descriptors, client->client);
		record_append(c->records, RECORD_BACKLOG, &record, sizeof(record),
			      client->data.data, client->data.bytes);
	}
}

/* TCP connections to members that were on another host: restore. */
#include "inet_far.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../common/array.h"
#include "../common/monotonic.h"
#include "inet_met.h"

#define ARRIVE_MS 30000
#define STALLED_MS 1000

struct far_ends { /* of all images, ascending by connection */
	struct far_end {
		uint64_t connection, file;
	} *all;
	size_t count, capacity;
	bool sent; /* what the other ends' queues held */
};

static int compare_ends(const void *a, const void *b)
{
	const struct far_end *x = a, *y = b;

	if (x->connection != y->connection)
		return x->connection < y->connection ? -1 : 1;
	return x->file < y->file ? -1 : x->file > y->file;
}

/* Found once; NULL without memory. */
static struct far_ends *ends_of(struct rebuild *r)
{
	struct far_ends *e = r->far_ends;
	size_t position = 0;
	struct file_view f;

	if (e)
		return e;
	e = calloc(1, sizeof(*e));
	while (e && file_index_next(r, FILE_INET_SOCKET, &position, &f)) {
		struct inet_payload u;
		struct far_end *more;

		file_payload_head(f.payload, f.bytes, &u, sizeof(u));
		if (u.peer != INET_PEER_REMOTE)
			continue;
		more = array_grow(e->all, e->count, &e->capacity, sizeof(*more));
		if (!more)
			break;
		e->all = more;
		more[e->count++] = (struct far_end){ u.connection, f.head.id };
	}
	if (e && e->count)
		qsort(e->all, e->count, sizeof(*e->all), compare_ends);
	r->far_ends = e;
	return e;
}

/* The first end of @connection, or NULL. */
static const struct far_end *first_end(const struct far_ends *e, uint64_t connection)
{
	size_t low = 0, high = e->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (e->all[middle].connection < connection)
			low = middle + 1;
		else
			high = middle;
	}
	return low < e->count && e->all[low].connection == connection ? &e->all[low] : NULL;
}

bool inet_peer_find(struct rebuild *r, uint64_t file_id, const struct inet_payload *u,
		    struct file_view *peer)
{
	const struct far_ends *e;
	const struct far_end *end;

	if (u->peer == INET_PEER_MEMBER)
		return file_index_find(r, u->peer_file, peer);
	e = u->peer == INET_PEER_REMOTE ? ends_of(r) : NULL;
	for (end = e ? first_end(e, u->connection) : NULL;
	     end && end < e->all + e->count && end->connection == u->connection; end++)
		if (end->file != file_id)
			return file_index_find(r, end->file, peer);
	return false;
}

/* @receiver, if not -1, tells again what it has room for while the sender waits. */
static int send_part(int sender, int receiver, const uint8_t *data, size_t bytes, int flags,
		     uint64_t deadline)
{
	while (bytes) {
		struct pollfd ready = { .fd = sender, .events = POLLOUT };
		ssize_t n = send(sender, data, bytes, MSG_DONTWAIT | MSG_NOSIGNAL | flags);

		if (n < 0 && errno != EAGAIN)
			return -errno;
		if (n > 0) {
			data += n;
			bytes -= n;
			continue;
		}
		if (monotonic_ms() >= deadline)
			return -ETIMEDOUT;
		if (receiver >= 0)
			inet_room_offer(receiver);
		poll(&ready, 1, 10);
	}
	return 0;
}

int inet_send_queue(int sender, int receiver, const void *data, uint64_t bytes, uint32_t urgent,
		    uint64_t urgent_at, uint64_t deadline)
{
	uint64_t front = urgent && urgent_at <= bytes ? urgent_at : bytes;
	uint8_t byte = urgent - 1;
	int ret = send_part(sender, receiver, data, front, 0, deadline);

	if (!ret && urgent)
		ret = send_part(sender, receiver, &byte, 1, MSG_OOB, deadline);
	if (!ret)
		ret = send_part(sender, receiver, (const uint8_t *)data + front, bytes - front,
				0, deadline);
	return ret;
}

int inet_far_restore(struct rebuilt_process *p, uint64_t connection, int *fd)
{
	const struct inet_met *met = inet_met_find(p->rebuild, connection);

	if (!met)
		return -ENOENT;
	*fd = fcntl(met->fd, F_DUPFD_CLOEXEC, p->rebuild->reserved_from);
	return *fd < 0 ? -errno : 0;
}

void inet_far_make_room(struct rebuilt_process *p, const struct inet_view *v, int fd)
{
	struct inet_met *met = inet_met_find(p->rebuild, v->head.connection);

	if (met && v->head.queue_bytes && !inet_room_stays(fd, v->head.queue_bytes))
		inet_room_make(fd, v->head.queue_bytes, &met->room);
}

bool inet_waits_far(const struct inet_view *v)
{
	return v->head.state == INET_WAITING && v->head.peer == INET_PEER_REMOTE;
}

uint64_t inet_waited_find(struct rebuild *r, uint64_t connection)
{
	size_t position = 0;
	struct file_view f;
	struct inet_view v;

	while (file_index_next(r, FILE_INET_SOCKET, &position, &f)) {
		if (!inet_view_read(f.payload, f.bytes, &v))
			continue;
		for (size_t n = 0; inet_waiting_at(&v, n); n++)
			if (inet_waiting_at(&v, n) == connection)
				return f.head.id;
	}
	return 0;
}

int inet_line_restore(struct rebuilt_process *p, const struct inet_view *v, int *fd)
{
	uint64_t connection = inet_waits_far(v) ? v->head.connection : inet_waiting_at(v, 0);

	return connection ? inet_far_restore(p, connection, fd) : -ENOENT;
}

/* Everybody has made room: nobody waits for anybody. */
static int send_all(struct rebuild *r)
{
	uint64_t deadline = monotonic_ms() + ARRIVE_MS;
	size_t count;
	struct inet_met *all = inet_met_all(r, &count);
	int ret = 0;

	for (size_t n = 0; n < count && !ret; n++) {
		struct inet_room sending;
		void *data;

		if (!all[n].bytes && !all[n].urgent)
			continue;
		ret = inet_met_read(r, &all[n], &data);
		if (ret)
			break;
		inet_room_hold(all[n].fd, all[n].bytes, &sending);
		ret = inet_send_queue(all[n].fd, -1, data, all[n].bytes, all[n].urgent,
				      all[n].urgent_at, deadline);
		inet_room_unhold(all[n].fd, &sending);
		free(data);
	}
	return ret;
}

/*
 * A read stops in front of urgent data, and SIOCINQ counts no further: tcp(7). What finds no room
 * here stays with the sender's kernel, which has taken all of it, until the program reads.
 */
static void await_queue(const struct inet_view *v, int fd)
{
	uint64_t wanted = v->head.urgent ? v->head.urgent_at : v->head.queue_bytes;
	uint64_t start = monotonic_ms(), stalled = start + ARRIVE_MS;
	int waiting = 0, before = 0;

	while (!ioctl(fd, SIOCINQ, &waiting) && waiting >= 0 && (uint64_t)waiting < wanted) {
		const struct timespec time = { .tv_nsec = 200000 };
		uint64_t now = monotonic_ms();

		if (waiting > before)
			stalled = now + STALLED_MS;
		before = waiting;
		if (now >= stalled || now >= start + ARRIVE_MS)
			return;
		nanosleep(&time, NULL);
	}
}

int inet_far_finish(struct rebuilt_process *p, const struct inet_view *v, int fd)
{
	struct inet_met *met = inet_met_find(p->rebuild, v->head.connection);
	struct far_ends *e = ends_of(p->rebuild);
	int ret = 0;

	if (!e)
		return -ENOMEM;
	if (!e->sent)
		ret = send_all(p->rebuild);
	e->sent = true;
	if (!ret && v->head.queue_bytes && !inet_room_overflows(fd, v->head.queue_bytes))
		await_queue(v, fd);
	if (met && met->room.changed)
		inet_room_leave(fd, &met->room);
	if (v->head.closed)
		shutdown(fd, SHUT_WR);
	if (v->head.reads_end)
		shutdown(fd, SHUT_RD);
	return ret;
}

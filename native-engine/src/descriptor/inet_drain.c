/*
 * The two ends of a TCP connection between members, everything frozen: what one has sent is brought
 * into the queue of the other, where it can be looked at and stays (engine-facts 12.4).
 *
 * A receive buffer that is full keeps the rest at the sender. Within a host it is read out, and in
 * refill sent again (inet_keeper.c). Between hosts, or where the sender has closed, the buffer is
 * enlarged without a byte being read (inet_room.c): whoever dies then, engine, agent or link, the
 * bytes are where they were. What does not fit ends the round, at once, and the receiver offers its
 * sender less until its program has read so much that it does.
 */
#include "inet_drain.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../common/monotonic.h"
#include "inet_keeper.h"
#include "inet_settle.h"
#include "tcp_info.h"

#define POLL_NS 500000
#define GENTLE_MS 700
#define ARRIVE_MS 500       /* without a byte: what another host holds finds no room */
#define STALLED_MS 7000     /* nothing moves for so long, though the other host may be late */
#define PROBE_MS 1000
#define LINGERING_ACK_MS 50 /* a delayed acknowledgement takes 40 */

static void pause_shortly(void)
{
	const struct timespec time = { .tv_nsec = POLL_NS };

	nanosleep(&time, NULL);
}

static int queue_bytes(int fd, unsigned long which)
{
	int bytes = 0;

	return ioctl(fd, which, &bytes) ? 0 : bytes;
}

/* Not yet in the peer's queue. A FIN that waits for its acknowledgement counts as one byte. */
static int outstanding(const struct inet_info *s)
{
	int bytes = queue_bytes(s->fd, SIOCOUTQ);

	return bytes == 1 && inet_has_closed(s->tcp_state) ? 0 : bytes;
}

static bool is_drained(const struct inet_info *s)
{
	return inet_is_stream(s) && (s->peer || s->far);
}

static void uncork(struct inet_info *s)
{
	socklen_t length = sizeof(int);
	int corked = 0, off = 0;

	if (getsockopt(s->fd, IPPROTO_TCP, TCP_CORK, &corked, &length) || !corked)
		return;
	s->corked = true;
	setsockopt(s->fd, IPPROTO_TCP, TCP_CORK, &off, sizeof(off));
}

/* A read stops at urgent data, read or unread or still to come. */
static bool has_urgent(int fd)
{
	struct pollfd urgent = { .fd = fd, .events = POLLPRI };
	int at_mark = 0;
	char byte;

	return poll(&urgent, 1, 0) || ioctl(fd, SIOCATMARK, &at_mark) || at_mark ||
	       recv(fd, &byte, 1, MSG_OOB | MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EINVAL;
}

/*
 * Its bytes are read out of the queue of a peer whose program does not read. Not where they could
 * not be sent again; MPTCP takes them again too slowly (Linux 6.18: over 10 s for 4 MB).
 */
static bool can_be_kept(const struct inet_info *s)
{
	return !inet_has_closed(s->tcp_state) && s->protocol != IPPROTO_MPTCP &&
	       !has_urgent(s->peer->fd);
}

/* The receiver is on another host, where room is made for it, as far as its kernel allows. */
static int await_remote(const struct inet_info *s, const struct round *r, uint64_t deadline)
{
	uint64_t stalled = monotonic_ms() + STALLED_MS;
	int left = outstanding(s), before = left;

	while (left > 0) {
		uint64_t now = monotonic_ms();

		if (left < before)
			stalled = now + STALLED_MS;
		if (now >= deadline || now >= stalled)
			return -ETIMEDOUT;
		if (r->given_up && r->given_up(r->given_up_context))
			return -ECANCELED;
		before = left;
		pause_shortly();
		left = outstanding(s);
	}
	return 0;
}

static size_t count_outstanding(const struct inet_table *t)
{
	size_t count = 0;

	for (size_t n = 0; n < t->count; n++)
		count += is_drained(&t->sockets[n]) && outstanding(&t->sockets[n]) > 0;
	return count;
}

/* Of these something may still arrive on its own. */
static size_t count_moving(const struct inet_table *t)
{
	size_t count = 0;

	for (size_t n = 0; n < t->count; n++) {
		const struct inet_info *s = &t->sockets[n];

		count += is_drained(s) && outstanding(s) > 0 &&
			 !(s->peer && inet_room_is_closed(s->peer->fd));
	}
	return count;
}

static int refuse(const struct inet_info *s, const char *id, const char *reason,
		  struct fault *fault)
{
	const struct inventory_entry *e = s->entry;

	return fault_set(fault, EAGAIN, id, "process %d: descriptor %d (%s): %s",
			 e->process ? e->process->virtual_pid : 0, e->view.number, e->view.link,
			 reason);
}

/*
 * A buffer that the kernel tunes comes back so small that what the sender holds now would find room
 * the next time: the program only has to read.
 */
static int refuse_full(struct inet_info *s, int64_t lacks, struct fault *fault)
{
	char reason[256];

	snprintf(reason, sizeof(reason),
		 "%lld of the %d bytes that its sender, port %d, still holds find no room beside "
		 "the %d that its program has not read", (long long)lacks, s->far->peer_unsent,
		 ntohs(inet_port(&s->remote)), queue_bytes(s->fd, SIOCINQ));
	inet_room_lower(s->fd, s->far->peer_unsent, &s->room);
	return refuse(s, "socket-no-room", reason, fault);
}

/* SIOCINQ stops in front of urgent data: tcp(7). With several subflows TCP_INFO tells of one. */
static int64_t arrived(const struct inet_info *s)
{
	struct tcp_summary info;

	return s->protocol == IPPROTO_MPTCP || tcp_info_read(s->fd, &info) ?
		       queue_bytes(s->fd, SIOCINQ) : (int64_t)info.bytes_received;
}

/*
 * Most often all is there. -EAGAIN: the kernel takes no more than it has, although it seemed to
 * have room.
 */
static int await_admitted(struct inet_table *t, const struct round *r, uint64_t deadline,
			  struct fault *fault)
{
	uint64_t moved = monotonic_ms();
	int64_t before = INT64_MAX;

	for (;;) {
		struct inet_info *full = NULL;
		int64_t missing = 0;

		for (size_t n = 0; n < t->count; n++) {
			struct inet_info *s = &t->sockets[n];
			int64_t left = s->expected ? s->expected - arrived(s) : 0;

			if (left <= 0 || !inet_room_is_closed(s->fd))
				continue;
			full = s;
			missing += left;
		}
		if (!full || (r->given_up && r->given_up(r->given_up_context)))
			return 0;
		if (missing < before)
			moved = monotonic_ms();
		before = missing;
		if (monotonic_ms() - moved >= ARRIVE_MS || monotonic_ms() >= deadline)
			return refuse_full(full, full->expected - arrived(full), fault);
		pause_shortly();
	}
}

/*
 * What the peers on other hosts still hold is let in, if there is a way for all of it: what is
 * offered is used, and their programs then send more.
 */
static int admit(struct inet_table *t, struct fault *fault)
{
	for (size_t n = 0; n < t->count; n++) {
		struct inet_info *s = &t->sockets[n];
		int64_t lacks = 0;

		if (s->far && s->far->peer_unsent > 0)
			lacks = inet_room_raise(s->fd, s->far->peer_unsent, &s->room);
		if (lacks)
			return refuse_full(s, lacks, fault);
	}
	for (size_t n = 0; n < t->count; n++) {
		struct inet_info *s = &t->sockets[n];

		if (!s->far || s->far->peer_unsent <= 0)
			continue;
		s->expected = arrived(s) + s->far->peer_unsent;
		inet_room_offer(s->fd);
	}
	return 0;
}

/*
 * Else nothing may be read: it could not be put back in front of what the sender holds. A new
 * connection to the same address tells.
 */
static bool packets_pass(const struct inet_info *s)
{
	int listener = socket(s->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int client = socket(s->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd connected = { .fd = client, .events = POLLOUT };
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	bool pass;

	pass = !getsockname(s->peer->fd, (struct sockaddr *)&address, &length);
	/* The port is at the same place in both families. */
	((struct sockaddr_in *)&address)->sin_port = 0;
	pass = pass && !bind(listener, (struct sockaddr *)&address, length) &&
	       !listen(listener, 1) &&
	       !getsockname(listener, (struct sockaddr *)&address, &length) &&
	       (!connect(client, (struct sockaddr *)&address, length) || errno == EINPROGRESS) &&
	       poll(&connected, 1, PROBE_MS) > 0 && !(connected.revents & (POLLERR | POLLHUP));
	if (listener >= 0)
		close(listener); /* first: a reset leaves no TIME_WAIT */
	if (client >= 0)
		close(client);
	return pass;
}

/*
 * What does not find room within this host is read out, so that it is the same before and after the
 * round: in a queue that was enlarged it would be more with every round, if nobody reads.
 */
static int keep_full(struct inet_table *t, struct round *r, uint64_t deadline, struct fault *fault)
{
	struct inet_info *first = NULL;
	int ret;

	for (size_t n = 0; n < t->count; n++) {
		struct inet_info *s = &t->sockets[n];

		s->to_keep = is_drained(s) && s->peer && can_be_kept(s) && outstanding(s) > 0;
		if (s->to_keep && !first)
			first = s;
	}
	if (!first)
		return 0;
	if (!packets_pass(first))
		return refuse(first, "socket-not-drained", "no packets pass to its address", fault);
	/* Putting it back would take minutes, in which the programs wait. */
	if (tcp_memory_is_short())
		return refuse(first, "socket-not-drained",
			      "all connections of this host have more memory than net.ipv4.tcp_mem "
			      "wants to give them", fault);
	ret = inet_keeper_take(t, r, deadline);
	return ret ? refuse(first, "socket-not-drained", strerror(-ret), fault) : 0;
}

/* By the keeper of an engine that has died: their queues are not whole yet. */
static int refuse_held(const struct round *r, struct fault *fault)
{
	for (size_t n = 0; n < r->member_count; n++)
		if (process_is_held(r->members[n]))
			return fault_set(fault, EAGAIN, "socket-held",
					 "process %d waits for bytes of its connections",
					 r->members[n]->virtual_pid);
	return 0;
}

int inet_drain(struct inet_table *t, struct round *r, uint32_t timeout_ms, struct fault *fault)
{
	uint64_t start = monotonic_ms(), end = start + timeout_ms - timeout_ms / 8, gentle;
	int ret = refuse_held(r, fault);

	if (ret)
		return ret;
	if (r->settling)
		inet_settling_take(r->settling, t);
	gentle = timeout_ms / 2 < GENTLE_MS ? timeout_ms / 2 : GENTLE_MS;
	for (size_t n = 0; n < t->count; n++) {
		struct inet_info *s = &t->sockets[n];

		if ((s->listener && !s->known && s->bytes_sent) ||
		    (s->far && s->far->waits && (s->bytes_sent || inet_has_closed(s->tcp_state))))
			return refuse(s, "socket-not-accepted",
					"it has sent data to a member that has "
				      "not accepted it yet", fault);
		if (is_drained(s))
			uncork(s);
	}
	ret = admit(t, fault);
	if (ret)
		return ret;
	/* Most often it is only the acknowledgement that is late. */
	while (count_moving(t) && monotonic_ms() < start + LINGERING_ACK_MS)
		pause_shortly();
	ret = keep_full(t, r, end, fault);
	if (ret)
		return ret;
	for (size_t n = 0; n < t->count; n++) {
		struct inet_info *s = &t->sockets[n];

		if (is_drained(s) && s->peer && outstanding(s) > 0)
			inet_room_make(s->peer->fd, outstanding(s), &s->peer->room);
	}
	while (count_outstanding(t) && monotonic_ms() < start + gentle)
		pause_shortly();
	ret = await_admitted(t, r, end, fault);
	for (size_t n = 0; n < t->count && !ret; n++) {
		struct inet_info *s = &t->sockets[n];

		if (!is_drained(s) || outstanding(s) <= 0)
			continue;
		ret = s->far ? await_remote(s, r, end) : -ETIMEDOUT;
		if (ret)
			ret = refuse(s, "socket-not-drained", strerror(-ret), fault);
	}
	return ret;
}

static void put_room_back(struct inet_info *s, struct inet_settling *settling)
{
	if (!settling)
		inet_room_leave(s->fd, &s->room);
	else if (!inet_room_settle(s->fd, &s->room))
		inet_settling_add(settling, s);
}

void inet_refill(struct inet_table *t, struct round *r)
{
	int on = 1;

	inet_keeper_put_back(t, r);
	for (size_t n = 0; n < t->count; n++) {
		struct inet_info *s = &t->sockets[n];

		if (s->fd < 0)
			continue;
		if (s->room.changed)
			put_room_back(s, r->settling);
		if (s->corked)
			setsockopt(s->fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
		s->corked = false;
	}
	for (size_t n = 0; n < t->count; n++) {
		if (t->sockets[n].fd >= 0)
			close(t->sockets[n].fd);
		t->sockets[n].fd = -1;
	}
}

void inet_set_linger(struct inet_table *t)
{
	const struct linger reset = { .l_onoff = 1 };

	for (size_t n = 0; n < t->count; n++)
		if (is_drained(&t->sockets[n]) && t->sockets[n].fd >= 0)
			setsockopt(t->sockets[n].fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
}

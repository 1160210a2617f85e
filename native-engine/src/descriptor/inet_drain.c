/*
 * The two ends of a TCP connection between members, everything frozen: what one has sent is brought
 * into the queue of the other, where it can be looked at and stays (engine-facts 12.4).
 *
 * A receive buffer that is full keeps the rest at the sender. SO_RCVLOWAT enlarges it without a
 * byte being read: tcp_set_rcvlowat() in net/ipv4/tcp.c. Only where that does not help (the sender
 * asks a closed window ever more rarely) the queue is read out, and in refill the sender sends it
 * again. For that the agent of another host would be needed: between hosts a queue that does not fit
 * into the receiver's buffer (tcp_rmem) ends the round.
 */
#include "inet_drain.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../common/monotonic.h"

#define SLACK_BYTES 65536
#define POLL_NS 500000
#define GENTLE_MS 700       /* then data is read out */
#define STALLED_MS 7000     /* nothing moves for so long, though the other host may be late */
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

void inet_make_room(int fd, int bytes)
{
	int room = queue_bytes(fd, SIOCINQ) + bytes;

	/*
	 * The last sixteenth of a buffer is never offered: __tcp_select_window() in tcp_output.c. No
	 * more than needed: a sender that never rests fills the buffer, which stays that large.
	 */
	room += room / 8 + SLACK_BYTES;
	setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &room, sizeof(room));
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

void inet_tell_room(int fd)
{
	socklen_t length = sizeof(int);
	int peek_offset = -1;
	char first;

	getsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &peek_offset, &length);
	if (peek_offset < 0)
		recv(fd, &first, 1, MSG_PEEK | MSG_DONTWAIT);
}

/* Lets @bytes more into the queue of @s. */
static void open_window(struct inet_info *s, int bytes)
{
	socklen_t length = sizeof(int);
	int low = 1;

	if (!s->low_water) {
		getsockopt(s->fd, SOL_SOCKET, SO_RCVLOWAT, &low, &length);
		s->low_water = low > 0 ? low : 1;
	}
	inet_make_room(s->fd, bytes);
	inet_tell_room(s->fd);
}

/* Reads what the peer of @s has received so far, and what then follows. */
static int take(struct inet_info *s, uint64_t deadline)
{
	struct inet_info *receiver = s->peer;

	if (inet_has_closed(s->tcp_state))
		return -EAGAIN; /* it could not send anything again */
	for (;;) {
		int waiting = queue_bytes(receiver->fd, SIOCINQ);
		uint8_t *more;
		ssize_t n;

		if (!waiting) {
			if (!outstanding(s))
				return 0;
			if (monotonic_ms() >= deadline)
				return -ETIMEDOUT;
			pause_shortly();
			continue;
		}
		more = realloc(receiver->taken, receiver->taken_bytes + waiting);
		if (!more)
			return -ENOMEM;
		receiver->taken = more;
		n = recv(receiver->fd, more + receiver->taken_bytes, waiting, MSG_DONTWAIT);
		if (n <= 0)
			return n ? -errno : 0;
		receiver->taken_bytes += n;
	}
}

/* The receiver is on another host, where room is made for it, as far as its kernel allows. */
static int await_remote(const struct inet_info *s, uint64_t deadline)
{
	uint64_t stalled = monotonic_ms() + STALLED_MS;
	int left = outstanding(s), before = left;

	while (left > 0) {
		uint64_t now = monotonic_ms();

		if (left < before)
			stalled = now + STALLED_MS;
		if (now >= deadline || now >= stalled)
			return -ETIMEDOUT;
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

static int refuse(const struct inet_info *s, const char *id, const char *reason,
		  struct fault *fault)
{
	const struct inventory_entry *e = s->entry;

	return fault_set(fault, EAGAIN, id, "process %d: descriptor %d (%s): %s",
			 e->process ? e->process->virtual_pid : 0, e->view.number, e->view.link,
			 reason);
}

int inet_drain(struct inet_table *t, uint32_t timeout_ms, struct fault *fault)
{
	uint64_t start = monotonic_ms(), gentle;
	int ret = 0;

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
	for (size_t n = 0; n < t->count; n++)
		if (t->sockets[n].far && t->sockets[n].far->peer_unsent > 0)
			open_window(&t->sockets[n], t->sockets[n].far->peer_unsent);
	/* Most often it is only the acknowledgement that is late. */
	while (count_outstanding(t) && monotonic_ms() < start + LINGERING_ACK_MS)
		pause_shortly();
	for (size_t n = 0; n < t->count; n++) {
		struct inet_info *s = &t->sockets[n];

		if (is_drained(s) && s->peer && outstanding(s) > 0)
			open_window(s->peer, outstanding(s));
	}
	while (count_outstanding(t) && monotonic_ms() < start + gentle)
		pause_shortly();
	for (size_t n = 0; n < t->count && !ret; n++) {
		struct inet_info *s = &t->sockets[n];

		if (!is_drained(s) || outstanding(s) <= 0)
			continue;
		ret = s->far ? await_remote(s, start + timeout_ms - timeout_ms / 8) :
				  take(s, start + timeout_ms);
		if (ret)
			ret = refuse(s, "socket-not-drained", strerror(-ret), fault);
	}
	return ret;
}

/* Sends again what was read out of the queue of @s. */
static void give_back(struct inet_info *s)
{
	uint64_t deadline = monotonic_ms() + 5000;
	size_t sent = 0;

	if (s->taken_bytes)
		inet_make_room(s->fd, s->taken_bytes);
	while (sent < s->taken_bytes && monotonic_ms() < deadline) {
		ssize_t n = send(s->peer->fd, s->taken + sent, s->taken_bytes - sent,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0)
			sent += n;
		else if (errno != EAGAIN)
			break;
		else
			pause_shortly();
	}
	/*
	 * The queue fills up in order: wait for it, or the small buffer would lose the rest again.
	 */
	while (s->taken_bytes && outstanding(s->peer) > 0 && monotonic_ms() < deadline)
		pause_shortly();
	free(s->taken);
	s->taken = NULL;
	s->taken_bytes = 0;
}

void inet_refill(struct inet_table *t)
{
	int on = 1;

	for (size_t n = 0; n < t->count; n++) {
		struct inet_info *s = &t->sockets[n];

		if (s->fd < 0 || !is_drained(s))
			continue;
		if (s->peer)
			give_back(s);
		if (s->low_water)
			setsockopt(s->fd, SOL_SOCKET, SO_RCVLOWAT, &s->low_water,
				   sizeof(s->low_water));
		if (s->corked)
			setsockopt(s->fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
		s->low_water = 0;
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

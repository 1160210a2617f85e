#include "inet_keeper.h"

#include <errno.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../common/monotonic.h"
#include "../engine/round.h"
#include "tcp_info.h"

#define PAUSE_NS 200000
#define PACKET_BYTES 65536
#define STALLED_MS 30       /* then more room is made */
#define STALLED_LOOKS 20
#define HOPELESS_MS 600000  /* then the connection is ended: nobody may miss a byte unnoticed */
#define PUT_BACK_LIMIT_MS 10000
#define TAKEN 't'
#define PUT_BACK 'b'
#define DONE 'd'

struct kept { /* one direction of a connection; the keeper writes, its engine reads */
	int receiver, sender;
	uint64_t offset, capacity; /* in the data */
	uint64_t bytes;            /* taken */
	uint64_t unread;           /* of them, in the receiver's queue at first */
	uint64_t urgent_at;
	uint32_t urgent;           /* value + 1 */
	uint64_t sent;             /* again */
	bool urgent_sent, put_back, ended;
	bool wide, fixed; /* the receiver's buffer, by us */
	struct inet_room receiving, sending;
	uint64_t moved_ms;         /* when something moved last */
	uint64_t room_ms;          /* when room was made last */
	int64_t before;            /* what there was to move then */
	unsigned int idle;         /* looks since then: with many connections one takes long */
};

struct parked {
	int mem_fd;
	uint64_t word;
};

struct inet_keeper {
	pid_t pid;
	int fd; /* to the other process */
	struct kept *kept; /* shared, as @data */
	uint8_t *data;
	size_t count, kept_bytes, data_bytes;
	struct parked *parked;
	size_t parked_count;
	int *needed; /* descriptors, ascending */
	size_t needed_count;
};

static void pause_shortly(void)
{
	const struct timespec time = { .tv_nsec = PAUSE_NS };

	nanosleep(&time, NULL);
}

static int queue_bytes(int fd, unsigned long which)
{
	int bytes = 0;

	return ioctl(fd, which, &bytes) || bytes < 0 ? 0 : bytes;
}

/* ---- the keeper itself: no memory is allocated, other threads of its engine may hold locks ---- */

/*
 * Whoever reads so much so fast gets a larger buffer, up to tcp_rmem, and the queue would become
 * longer with every round: tcp_rcv_space_adjust() in net/ipv4/tcp_input.c.
 */
static void fix_size(struct kept *c)
{
	c->fixed = !inet_room_is_set(c->receiver);
	if (c->fixed)
		inet_room_fix(c->receiver, true);
}

static void unfix_size(struct kept *c)
{
	if (c->fixed)
		inet_room_fix(c->receiver, false);
	c->fixed = false;
}

static void give_room(struct kept *c, int64_t bytes)
{
	unfix_size(c);
	inet_room_make(c->receiver, bytes, &c->receiving);
	fix_size(c);
}

static void take_urgent(struct kept *c)
{
	uint8_t byte;
	int at_mark = 0;

	if (c->urgent || ioctl(c->receiver, SIOCATMARK, &at_mark) || !at_mark ||
	    recv(c->receiver, &byte, 1, MSG_OOB | MSG_DONTWAIT) != 1)
		return;
	c->urgent = byte + 1u;
	c->urgent_at = c->bytes;
}

/*
 * A packet on the loopback has 64 KB, and a sender does not divide it for a smaller window: it asks
 * again, ever more rarely (tcp_snd_wnd_test() in net/ipv4/tcp_output.c). As long as there is
 * something to look at the sender can be told of more room: all but a byte is read by now, or the
 * buffer would have to be larger with every round.
 */
static void widen(struct kept *c)
{
	int bytes = 0;
	socklen_t length = sizeof(bytes);

	c->wide = true;
	if (getsockopt(c->receiver, SOL_SOCKET, SO_RCVBUF, &bytes, &length) ||
	    bytes >= 4 * PACKET_BYTES)
		return;
	give_room(c, 2 * PACKET_BYTES);
}

/* A read goes no further than to urgent data, and SIOCINQ counts as far: tcp(7). */
static bool take(struct inet_keeper *k, struct kept *c)
{
	bool quiet = !queue_bytes(c->sender, SIOCOUTQ); /* first: then all has come */
	uint64_t bytes = queue_bytes(c->receiver, SIOCINQ);
	ssize_t n;

	if (!bytes) {
		take_urgent(c);
		bytes = queue_bytes(c->receiver, SIOCINQ);
	}
	if (bytes > c->capacity - c->bytes)
		bytes = c->capacity - c->bytes;
	if (!bytes)
		return quiet;
	if (!c->wide && bytes == 1)
		widen(c);
	else if (!c->wide)
		bytes--;
	n = recv(c->receiver, k->data + c->offset + c->bytes, bytes, MSG_DONTWAIT);
	if (n > 0)
		c->bytes += n;
	return false;
}

/* When all programs have ended, or execute others, nobody wants it back. */
static void end_if_alone(const struct inet_keeper *k)
{
	uint32_t held;

	for (size_t n = 0; n < k->parked_count; n++)
		if (pread(k->parked[n].mem_fd, &held, sizeof(held), k->parked[n].word) ==
		    sizeof(held))
			return;
	if (k->parked_count)
		_exit(0);
}

static void take_all(struct inet_keeper *k)
{
	size_t ready = 0;

	for (size_t n = 0; n < k->count; n++)
		fix_size(&k->kept[n]);
	while (ready < k->count) {
		uint64_t before = 0, after = 0;

		end_if_alone(k);
		ready = 0;
		for (size_t n = 0; n < k->count; n++) {
			before += k->kept[n].bytes;
			ready += take(k, &k->kept[n]);
			after += k->kept[n].bytes;
		}
		if (ready < k->count && before == after)
			pause_shortly();
	}
	for (size_t n = 0; n < k->count; n++)
		unfix_size(&k->kept[n]);
}

/* Both ends: its members are told ECONNRESET. */
static void end_connection(struct kept *c)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };

	connect(c->sender, &none, sizeof(none));
	connect(c->receiver, &none, sizeof(none));
	c->ended = true;
}

static ssize_t send_more(const struct inet_keeper *k, struct kept *c)
{
	uint64_t to = c->urgent && c->sent <= c->urgent_at && !c->urgent_sent ? c->urgent_at :
										c->bytes;
	uint8_t byte = c->urgent - 1;
	ssize_t n;

	if (c->sent == to && c->urgent && !c->urgent_sent) {
		n = send(c->sender, &byte, 1, MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL);
		c->urgent_sent = n == 1;
		return n;
	}
	if (c->sent == to)
		return 0;
	n = send(c->sender, k->data + c->offset + c->sent, to - c->sent,
		 MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0)
		c->sent += n;
	return n;
}

static bool has_stalled(const struct kept *c)
{
	return c->idle >= STALLED_LOOKS && monotonic_ms() - c->moved_ms >= STALLED_MS;
}

/*
 * The sender takes no more. It holds more for a moment, if it may; else the receiver's queue gets as
 * long as it was, and no longer.
 */
static void make_room(struct kept *c)
{
	int64_t unread = queue_bytes(c->receiver, SIOCINQ), more = c->unread - unread;

	c->room_ms = monotonic_ms();
	inet_room_unhold(c->sender, &c->sending);
	inet_room_hold(c->sender, c->bytes - unread, &c->sending);
	if (c->room_ms - c->moved_ms >= 3 * STALLED_MS)
		give_room(c, more > PACKET_BYTES ? more : PACKET_BYTES);
}

/* All is with the kernel again, and in the queue as much as was there or finds room. */
static bool is_settled(const struct kept *c)
{
	return !queue_bytes(c->sender, SIOCOUTQ) ||
	       (uint64_t)queue_bytes(c->receiver, SIOCINQ) >= c->unread ||
	       tcp_info_window(c->receiver) == 0 || has_stalled(c);
}

static void put_back(const struct inet_keeper *k, struct kept *c)
{
	uint64_t now = monotonic_ms();
	ssize_t n = send_more(k, c);
	int64_t left;

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		end_connection(c);
	} else if (c->sent == c->bytes && (!c->urgent || c->urgent_sent) && is_settled(c)) {
		inet_room_unhold(c->sender, &c->sending);
		c->put_back = true;
	}
	c->idle++;
	left = c->bytes - c->sent + queue_bytes(c->sender, SIOCOUTQ);
	if (n > 0 || left != c->before) {
		c->before = left;
		c->moved_ms = now;
		c->idle = 0;
	} else if (now - c->moved_ms >= HOPELESS_MS) {
		end_connection(c);
	} else if (n < 0 && has_stalled(c) && now - c->room_ms >= STALLED_MS) {
		make_room(c);
	}
}

static void put_all_back(struct inet_keeper *k)
{
	size_t ready = 0;

	for (size_t n = 0; n < k->count; n++) {
		fix_size(&k->kept[n]);
		k->kept[n].moved_ms = monotonic_ms();
	}
	while (ready < k->count) {
		end_if_alone(k);
		ready = 0;
		for (size_t n = 0; n < k->count; n++) {
			struct kept *c = &k->kept[n];

			if (!c->put_back && !c->ended)
				put_back(k, c);
			ready += c->put_back || c->ended;
		}
		if (ready < k->count)
			pause_shortly();
	}
	for (size_t n = 0; n < k->count; n++)
		unfix_size(&k->kept[n]);
}

static void let_go(const struct inet_keeper *k)
{
	const uint32_t free_now = 0;

	/* One that has ended meanwhile does not mind. */
	for (size_t n = 0; n < k->parked_count; n++)
		if (pwrite(k->parked[n].mem_fd, &free_now, sizeof(free_now),
			   k->parked[n].word) < 0)
			continue;
}

static void say(const struct inet_keeper *k, char what)
{
	/* Who does not hear it has died, and that is found by reading. */
	send(k->fd, &what, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void close_others(const struct inet_keeper *k)
{
	unsigned int from = 0;

	for (size_t n = 0; n < k->needed_count; n++) {
		if ((unsigned int)k->needed[n] > from)
			close_range(from, k->needed[n] - 1, 0);
		from = k->needed[n] + 1;
	}
	close_range(from, UINT_MAX, 0);
}

__attribute__((noreturn)) static void keep(struct inet_keeper *k)
{
	char word;

	prctl(PR_SET_NAME, "dmtcp_keeper");
	setsid();
	close_others(k);
	take_all(k);
	say(k, TAKEN);
	while (recv(k->fd, &word, 1, 0) < 0 && errno == EINTR)
		;
	put_all_back(k);
	let_go(k);
	say(k, DONE);
	_exit(0);
}

/* ---- its engine ---- */

static int compare_numbers(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void *map_shared(size_t bytes)
{
	void *data = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return data == MAP_FAILED ? NULL : data;
}

static void free_keeper(struct inet_keeper *k)
{
	if (!k)
		return;
	if (k->fd >= 0)
		close(k->fd);
	if (k->kept)
		munmap(k->kept, k->kept_bytes);
	if (k->data)
		munmap(k->data, k->data_bytes);
	free(k->parked);
	free(k->needed);
	free(k);
}

static struct inet_keeper *new_keeper(const struct inet_table *t, const struct round *r)
{
	struct inet_keeper *k = calloc(1, sizeof(*k));
	size_t count = 0;

	if (!k)
		return NULL;
	k->fd = -1;
	for (size_t n = 0; n < t->count; n++)
		count += t->sockets[n].to_keep;
	k->kept_bytes = count * sizeof(*k->kept);
	k->kept = map_shared(k->kept_bytes);
	k->parked = calloc(r->member_count + 1, sizeof(*k->parked));
	k->needed = calloc(1 + 2 * count + r->member_count, sizeof(*k->needed));
	if (k->kept && k->parked && k->needed)
		return k;
	free_keeper(k);
	return NULL;
}

/* Both counts may name a byte whose acknowledgement is on its way. */
static int plan(struct inet_keeper *k, struct inet_table *t)
{
	for (size_t n = 0; n < t->count; n++) {
		struct inet_info *s = &t->sockets[n];
		struct kept *c = &k->kept[k->count];

		if (!s->to_keep)
			continue;
		*c = (struct kept){ .receiver = s->peer->fd, .sender = s->fd,
				    .receiving = s->peer->room, .before = -1,
				    .offset = k->data_bytes };
		c->unread = queue_bytes(c->receiver, SIOCINQ);
		c->capacity = queue_bytes(c->sender, SIOCOUTQ) + c->unread;
		k->data_bytes += c->capacity;
		s->peer->kept = ++k->count;
		k->needed[k->needed_count++] = c->receiver;
		k->needed[k->needed_count++] = c->sender;
	}
	k->data = map_shared(k->data_bytes);
	return k->data ? 0 : -ENOMEM;
}

/* Those that cannot be parked are safe as long as their engine lives. */
static void park_members(struct inet_keeper *k, const struct round *r)
{
	for (size_t n = 0; n < r->member_count; n++) {
		struct parked *p = &k->parked[k->parked_count];

		if (process_park(r->members[n], &p->word) || r->members[n]->zombie)
			continue;
		p->mem_fd = r->members[n]->mem_fd;
		k->parked_count++;
		k->needed[k->needed_count++] = p->mem_fd;
	}
	qsort(k->needed, k->needed_count, sizeof(*k->needed), compare_numbers);
}

static void unpark_members(const struct round *r)
{
	for (size_t n = 0; n < r->member_count; n++)
		process_unpark(r->members[n]);
}

/* False: it has not said so in time; @what is 0 if it has ended. */
static bool hears(const struct inet_keeper *k, uint64_t deadline_ms, char *what)
{
	*what = 0;
	for (;;) {
		struct pollfd word = { .fd = k->fd, .events = POLLIN };
		uint64_t now = monotonic_ms();
		int n = poll(&word, 1, now < deadline_ms ? deadline_ms - now : 0);

		if (n < 0 && errno == EINTR)
			continue;
		return n > 0 && recv(k->fd, what, 1, MSG_DONTWAIT) >= 0;
	}
}

static struct kept *kept_of(const struct inet_table *t, const struct inet_info *s)
{
	return s->kept && t->keeper ? &t->keeper->kept[s->kept - 1] : NULL;
}

/* What the keeper has done to the receivers' buffers. */
static void take_rooms(struct inet_table *t)
{
	for (size_t n = 0; n < t->count; n++) {
		const struct kept *c = kept_of(t, &t->sockets[n]);

		if (c && c->receiving.changed)
			t->sockets[n].room = c->receiving;
	}
}

int inet_keeper_take(struct inet_table *t, struct round *r, uint64_t deadline_ms)
{
	struct inet_keeper *k = new_keeper(t, r);
	int ends[2], ret;
	char said;

	if (!k)
		return -ENOMEM;
	ret = plan(k, t);
	if (!ret && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		ret = -errno;
	if (ret)
		goto err;
	k->fd = ends[1];
	k->needed[k->needed_count++] = ends[1];
	park_members(k, r);
	k->pid = fork();
	if (!k->pid)
		keep(k);
	k->fd = ends[0];
	close(ends[1]);
	if (k->pid < 0) {
		ret = -errno;
		unpark_members(r);
		goto err;
	}
	t->keeper = k;
	if (!hears(k, deadline_ms, &said))
		return -ETIMEDOUT;
	take_rooms(t);
	return said == TAKEN ? 0 : -ECHILD;

err:
	for (size_t n = 0; n < t->count; n++)
		t->sockets[n].kept = 0;
	free_keeper(k);
	return ret;
}

uint64_t inet_kept(const struct inet_table *t, const struct inet_info *s, const uint8_t **data,
		   uint32_t *urgent, uint64_t *urgent_at)
{
	const struct kept *c = kept_of(t, s);

	*urgent = c ? c->urgent : 0;
	*urgent_at = c ? c->urgent_at : 0;
	*data = c ? t->keeper->data + c->offset : NULL;
	return c ? c->bytes : 0;
}

/* The keeper has died: what it has not put back is lost, and nobody is to go on without. */
static void end_broken(struct inet_table *t)
{
	for (size_t n = 0; n < t->count; n++) {
		struct kept *c = kept_of(t, &t->sockets[n]);

		if (c && !c->put_back && !c->ended)
			end_connection(c);
	}
}

void inet_keeper_put_back(struct inet_table *t, struct round *r)
{
	uint64_t deadline = monotonic_ms() + PUT_BACK_LIMIT_MS;
	struct inet_keeper *k = t->keeper;
	bool heard;
	char said;

	if (!k)
		return;
	say(k, PUT_BACK);
	do
		heard = hears(k, deadline, &said);
	while (heard && said && said != DONE);
	if (heard) {
		waitpid(k->pid, NULL, 0);
		take_rooms(t);
		if (!said)
			end_broken(t);
		unpark_members(r);
	}
	for (size_t n = 0; n < t->count; n++)
		t->sockets[n].kept = 0;
	t->keeper = NULL;
	free_keeper(k);
}

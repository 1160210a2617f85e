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
#define GRACE_MS 3000       /* without a byte, once it is called */
#define HOPELESS_MS 600000  /* then the connection is ended: nobody may miss a byte unnoticed */
#define PUT_BACK_LIMIT_MS 10000
#define TAKE 'g'
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
	uint64_t word; /* 0: the end of the list */
};

struct inet_keeper {
	pid_t pid;
	int fd; /* to the other process */
	struct kept *kept; /* shared, as @data */
	uint8_t *data;
	size_t count, kept_bytes, data_bytes;
	struct parked *parked; /* shared: the keeper is there before anybody is parked */
	size_t parked_bytes;
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

static bool is_at_mark(int fd)
{
	int at_mark = 0;

	return !ioctl(fd, SIOCATMARK, &at_mark) && at_mark;
}

/*
 * What has come since: a read goes no further than to its mark, then passes over it. False: the byte
 * is still to come.
 */
static bool take_urgent(const struct inet_keeper *k, struct kept *c)
{
	uint8_t byte, *data = k->data + c->offset;
	socklen_t length = sizeof(int);
	int inlined = 0;

	if (c->urgent && c->urgent_at == c->bytes)
		return true;
	getsockopt(c->receiver, SOL_SOCKET, SO_OOBINLINE, &inlined, &length);
	if (recv(c->receiver, &byte, 1, MSG_DONTWAIT | (inlined ? 0 : MSG_OOB)) != 1)
		return errno == EINVAL; /* the program has read it */
	/* One that is followed by another is a byte like others. */
	if (c->urgent) {
		memmove(data + c->urgent_at + 1, data + c->urgent_at, c->bytes - c->urgent_at);
		data[c->urgent_at] = c->urgent - 1;
		c->bytes++;
	}
	c->urgent = byte + 1u;
	c->urgent_at = c->bytes;
	return true;
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

/* Both ends: its members are told ECONNRESET. */
static void end_connection(struct kept *c)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };

	connect(c->sender, &none, sizeof(none));
	connect(c->receiver, &none, sizeof(none));
	c->ended = true;
}

/* A read goes no further than to urgent data, and SIOCINQ counts as far: tcp(7). */
static bool take(struct inet_keeper *k, struct kept *c)
{
	bool quiet = !queue_bytes(c->sender, SIOCOUTQ); /* first: then all has come */
	uint64_t bytes = queue_bytes(c->receiver, SIOCINQ);
	ssize_t n;

	if (is_at_mark(c->receiver)) {
		if (!take_urgent(k, c))
			return false;
		if (!bytes)
			bytes = c->capacity - c->bytes;
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
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		end_connection(c);
	return c->ended || (n < 0 && errno == EAGAIN && quiet);
}

/* When all programs have ended, or execute others, nobody wants it back. */
static void end_if_alone(const struct inet_keeper *k)
{
	uint32_t held;

	for (size_t n = 0; k->parked[n].word; n++)
		if (pread(k->parked[n].mem_fd, &held, sizeof(held), k->parked[n].word) ==
		    sizeof(held))
			return;
	if (k->parked[0].word)
		_exit(0);
}

/* To put back, or by its engine's end. */
static bool is_called(const struct inet_keeper *k)
{
	struct pollfd word = { .fd = k->fd, .events = POLLIN };

	return poll(&word, 1, 0) > 0;
}

/*
 * What is at its sender comes before what would be sent again: of a connection that is taken in
 * part the rest must come, too.
 */
static void give_up(struct kept *c)
{
	if (c->bytes || c->urgent)
		end_connection(c);
	else
		c->put_back = true;
}

static void take_all(struct inet_keeper *k)
{
	uint64_t moved = monotonic_ms();
	bool called = false;
	size_t ready = 0;

	for (size_t n = 0; n < k->count; n++)
		fix_size(&k->kept[n]);
	while (ready < k->count && !called) {
		uint64_t before = 0, after = 0;
		bool is_last = monotonic_ms() - moved >= GRACE_MS && is_called(k);

		end_if_alone(k);
		ready = 0;
		for (size_t n = 0; n < k->count; n++) {
			struct kept *c = &k->kept[n];
			bool whole = c->ended;

			before += c->bytes;
			whole = whole || take(k, c);
			after += c->bytes;
			ready += whole;
			if (is_last && !whole)
				give_up(c);
		}
		called = is_last;
		if (before != after)
			moved = monotonic_ms();
		else if (ready < k->count)
			pause_shortly();
	}
	for (size_t n = 0; n < k->count; n++)
		unfix_size(&k->kept[n]);
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
	for (size_t n = 0; k->parked[n].word; n++)
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

/* What its engine says; 0: it has died. */
static char listen_to(const struct inet_keeper *k)
{
	char word = 0;

	while (recv(k->fd, &word, 1, 0) < 0 && errno == EINTR)
		;
	return word;
}

__attribute__((noreturn)) static void keep(struct inet_keeper *k)
{

	prctl(PR_SET_NAME, "dmtcp_keeper");
	setsid();
	close_others(k);
	if (listen_to(k) == TAKE) {
		take_all(k);
		say(k, TAKEN);
		listen_to(k);
		put_all_back(k);
	}
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
	if (k->parked)
		munmap(k->parked, k->parked_bytes);
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
	k->parked_bytes = (r->member_count + 1) * sizeof(*k->parked);
	k->parked = map_shared(k->parked_bytes);
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

static void add_needed(struct inet_keeper *k, const struct round *r)
{
	k->needed[k->needed_count++] = k->fd;
	for (size_t n = 0; n < r->member_count; n++)
		if (!r->members[n]->zombie)
			k->needed[k->needed_count++] = r->members[n]->mem_fd;
	qsort(k->needed, k->needed_count, sizeof(*k->needed), compare_numbers);
}

/* Those that cannot be parked are safe as long as their engine lives. */
static void park_members(struct inet_keeper *k, const struct round *r)
{
	struct parked *p = k->parked;

	for (size_t n = 0; n < r->member_count; n++) {
		p->mem_fd = r->members[n]->mem_fd;
		if (!r->members[n]->zombie && !process_park(r->members[n], &p->word))
			p++;
		else
			p->word = 0;
	}
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
	add_needed(k, r);
	k->pid = fork();
	if (!k->pid)
		keep(k);
	k->fd = ends[0];
	close(ends[1]);
	if (k->pid < 0) {
		ret = -errno;
		goto err;
	}
	park_members(k, r);
	say(k, TAKE);
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

#include "inet_room.h"

#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "socket_options.h"
#include "tcp_info.h"

#define SLACK_BYTES 65536
#define LEAST_BYTES 4096
#define MOST_BYTES (256 << 20)

static int number(int fd, int name, int otherwise)
{
	socklen_t length = sizeof(int);
	int value;

	return getsockopt(fd, SOL_SOCKET, name, &value, &length) ? otherwise : value;
}

static void set(int fd, int name, int value)
{
	setsockopt(fd, SOL_SOCKET, name, &value, sizeof(value));
}

/* What the queue costs: packets of which a part has been read, too, count wholly. sock_diag(7) */
static int64_t queue_memory(int fd)
{
	uint32_t all[SK_MEMINFO_VARS] = { 0 };
	socklen_t length = sizeof(all);

	getsockopt(fd, SOL_SOCKET, SO_MEMINFO, all, &length);
	return all[SK_MEMINFO_RMEM_ALLOC];
}

/* @name takes half of what it then tells: socket(7). FORCE is for CAP_NET_ADMIN. */
static void set_size(int fd, int name, int bytes)
{
	int half = bytes / 2, force = name == SO_RCVBUF ? SO_RCVBUFFORCE : SO_SNDBUFFORCE;

	if (setsockopt(fd, SOL_SOCKET, force, &half, sizeof(half)))
		set(fd, name, half);
}

/* The most that set_size() can give: net.core.rmem_max, wmem_max. A container may not read them. */
static int largest_size(int name)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), bytes;

	if (fd < 0)
		return 0;
	set_size(fd, name, MOST_BYTES);
	bytes = number(fd, name, 0);
	close(fd);
	return bytes;
}

/*
 * SO_RCVLOWAT makes a buffer whose size the program has not set as large as the kernel thinks that
 * so many bytes need, up to half of tcp_rmem, and it stays: tcp_set_rcvlowat() in net/ipv4/tcp.c.
 * The mark goes at once: with it the program would be told of no less. A recv(2) that came between
 * would wait for so much: only while the program stands.
 */
static void raise_by_mark(int fd, int bytes)
{
	int mark = number(fd, SO_RCVLOWAT, 1);

	set(fd, SO_RCVLOWAT, bytes);
	set(fd, SO_RCVLOWAT, mark > 0 ? mark : 1);
}

static void raise_by_size(int fd, int bytes, int locks)
{
	int largest = largest_size(SO_RCVBUF);

	if (bytes > largest)
		bytes = largest;
	if (bytes <= number(fd, SO_RCVBUF, bytes))
		return;
	set_size(fd, SO_RCVBUF, bytes);
	set(fd, SO_BUF_LOCK, locks);
}

int64_t inet_room_raise(int fd, int64_t bytes, struct inet_room *before)
{
	int locks = number(fd, SO_BUF_LOCK, -1);
	int64_t used = queue_memory(fd), wanted = used + bytes, size;

	/* The last raise has unlocked it: the program has set it anew. */
	if (!before->changed || (before->locks >= 0 && inet_room_is_set(fd)))
		*before = (struct inet_room){ true, number(fd, SO_RCVBUF, 0), locks };
	/*
	 * The last sixteenth of a buffer is never offered: __tcp_select_window() in tcp_output.c.
	 * No more than needed: the sender's program fills what is left.
	 */
	wanted += wanted / 14 + bytes / 8 + LEAST_BYTES;
	if (wanted > MOST_BYTES)
		wanted = MOST_BYTES;
	if (locks > 0 && locks & SOCK_RCVBUF_LOCK) {
		locks &= ~SOCK_RCVBUF_LOCK;
		set(fd, SO_BUF_LOCK, locks);
	}
	raise_by_mark(fd, wanted);
	if (locks >= 0)
		raise_by_size(fd, wanted, locks);
	size = number(fd, SO_RCVBUF, 0);
	/* Large packets cost little beside their bytes: 98 % were measured (Linux 6.18). */
	size -= size / 32;
	return used + bytes > size ? used + bytes - size : 0;
}

void inet_room_offer(int fd)
{
	char first;

	/* Tells the sender, who would ask ever more rarely: tcp_cleanup_rbuf() after any read. */
	if (number(fd, SO_PEEK_OFF, -1) < 0)
		recv(fd, &first, 1, MSG_PEEK | MSG_DONTWAIT);
}

void inet_room_make(int fd, int64_t bytes, struct inet_room *before)
{
	inet_room_raise(fd, bytes, before);
	inet_room_offer(fd);
}

void inet_room_lower(int fd, int64_t bytes, struct inet_room *before)
{
	int64_t size = number(fd, SO_RCVBUF, 0) - bytes - bytes / 8 - SLACK_BYTES;

	if (before->locks >= 0 && !(before->locks & SOCK_RCVBUF_LOCK) && size >= SLACK_BYTES &&
	    size < before->buffer)
		before->buffer = size;
}

bool inet_room_is_closed(int fd)
{
	return tcp_info_window(fd) == 0;
}

/* The sender finds room in @bytes for all that it has been offered, beside the queue. */
static bool suffices(int fd, int bytes, bool late)
{
	int64_t offered = tcp_info_window(fd);

	if (offered < 0) /* before Linux 6.2: most likely it has been used by now */
		return late && queue_memory(fd) <= bytes;
	return !offered || queue_memory(fd) + offered <= bytes;
}

/*
 * One that the kernel had tuned may be larger than a program may set it: then it is too small for a
 * moment, and made larger by the mark. False: that would do harm, and nothing has changed.
 */
static bool put_back(int fd, const struct inet_room *before, bool stands)
{
	int largest = largest_size(SO_RCVBUF);

	if (before->buffer > largest && (!stands || !suffices(fd, largest, false)))
		return false;
	set_size(fd, SO_RCVBUF, before->buffer);
	set(fd, SO_BUF_LOCK, before->locks & ~SOCK_RCVBUF_LOCK);
	for (int mark = before->buffer / 2;
	     stands && mark < before->buffer &&
	     number(fd, SO_RCVBUF, before->buffer) < before->buffer / 2 * 2; mark += mark / 16 + 1)
		raise_by_mark(fd, mark);
	return true;
}

static bool settle(int fd, struct inet_room *before, bool late, bool stands)
{
	/* What was raised is unlocked: now it is the program's. Without SO_BUF_LOCK it stays. */
	if (before->locks < 0 || inet_room_is_set(fd)) {
		before->changed = false;
		return true;
	}
	/*
	 * What is sent into room that has gone is dropped where the program has set the size, and
	 * sent again ever more rarely; else the kernel enlarges the buffer: tcp_clamp_window().
	 */
	if (!suffices(fd, before->buffer, late) && (!late || before->locks & SOCK_RCVBUF_LOCK))
		return false;
	if (number(fd, SO_RCVBUF, 0) != before->buffer && !put_back(fd, before, stands))
		return false;
	set(fd, SO_BUF_LOCK, before->locks);
	before->changed = false;
	return true;
}

bool inet_room_settle(int fd, struct inet_room *before)
{
	return settle(fd, before, false, true);
}

bool inet_room_settle_running(int fd, struct inet_room *before, bool late)
{
	return settle(fd, before, late, false);
}

void inet_room_leave(int fd, struct inet_room *before)
{
	if (!settle(fd, before, true, true))
		put_back(fd, before, true);
	before->changed = false;
}

/* Packets cost more than their bytes, least where they are large. */
static int64_t cost_of(uint64_t bytes)
{
	return bytes + bytes / 8 + SLACK_BYTES;
}

void inet_room_fix(int fd, bool fixed)
{
	int locks = number(fd, SO_BUF_LOCK, -1);

	if (locks >= 0)
		set(fd, SO_BUF_LOCK, fixed ? locks | SOCK_RCVBUF_LOCK : locks & ~SOCK_RCVBUF_LOCK);
}

bool inet_room_is_set(int fd)
{
	return number(fd, SO_BUF_LOCK, 0) & SOCK_RCVBUF_LOCK;
}

/* Of a fresh one half is offered at first: tcp_select_initial_window() in tcp_output.c. */
static bool fits_at_first(int fd, uint64_t bytes)
{
	return bytes <= (uint64_t)number(fd, SO_RCVBUF, 0) / 2;
}

bool inet_room_stays(int fd, uint64_t bytes)
{
	return inet_room_is_set(fd) &&
	       (fits_at_first(fd, bytes) || cost_of(bytes) <= largest_size(SO_SNDBUF));
}

bool inet_room_overflows(int fd, uint64_t bytes)
{
	return inet_room_stays(fd, bytes) && !fits_at_first(fd, bytes);
}

void inet_room_hold(int fd, uint64_t bytes, struct inet_room *before)
{
	int64_t wanted = cost_of(bytes);

	*before = (struct inet_room){ false, number(fd, SO_SNDBUF, 0),
				      number(fd, SO_BUF_LOCK, -1) };
	if (before->locks < 0 || wanted <= before->buffer ||
	    before->buffer >= largest_size(SO_SNDBUF))
		return;
	before->changed = true;
	set_size(fd, SO_SNDBUF, wanted < MOST_BYTES ? wanted : MOST_BYTES);
}

void inet_room_unhold(int fd, struct inet_room *before)
{
	if (!before->changed)
		return;
	set_size(fd, SO_SNDBUF, before->buffer);
	set(fd, SO_BUF_LOCK, before->locks);
	before->changed = false;
}

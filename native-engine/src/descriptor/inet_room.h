/* Room in a TCP receive buffer for what the other end still holds, without a byte being read. */
#ifndef INET_ROOM_H
#define INET_ROOM_H

#include <stdbool.h>
#include <stdint.h>

struct inet_room { /* what was there before */
	bool changed;
	int buffer; /* SO_RCVBUF, as getsockopt(2) tells it */
	int locks;  /* SO_BUF_LOCK, -1: this kernel has none */
};

/*
 * Lets @bytes more into the queue of @fd, as far as the kernel allows, also where the program has
 * set the size; the other end is told. What was there is kept in @before, if it is empty yet. Not
 * while the program runs.
 */
void inet_room_make(int fd, int64_t bytes, struct inet_room *before);
/*
 * The first half of it: nobody has been told. Returns how many of them find no room, about; 0: it
 * seems that all do.
 */
int64_t inet_room_raise(int fd, int64_t bytes, struct inet_room *before);
void inet_room_offer(int fd);
/*
 * The program's side comes back with so little that @bytes more would find room: for a buffer that
 * was not enough. One whose size the program has set stays.
 */
void inet_room_lower(int fd, int64_t bytes, struct inet_room *before);
/* What was offered is used up: nothing more may come. False also where the kernel does not tell. */
bool inet_room_is_closed(int fd);
/*
 * Puts the buffer back: the sender finds no more room than before, though more may be in the queue.
 * False, and nothing has changed: the sender has been offered room that would be taken from it, and
 * its packets lost; try again later. A size that the program has set since then stays.
 */
bool inet_room_settle(int fd, struct inet_room *before);
/*
 * The same while the program runs: one larger than a program may set waits until it stands.
 * @late: of what does not fit, only a size that the program has set waits.
 */
bool inet_room_settle_running(int fd, struct inet_room *before, bool late);
/*
 * The same for good: a size that cannot be put back yet comes unlocked, and the kernel enlarges it.
 */
void inet_room_leave(int fd, struct inet_room *before);

/* Keeps the kernel from tuning it, or no longer. Not where the program has set the size. */
void inet_room_fix(int fd, bool fixed);
/* Has the program set the size? */
bool inet_room_is_set(int fd);

/* ---- at a restart ---- */

/*
 * Is the size the program's own, and can the sender hold what finds no room in it of @bytes? Then
 * nothing is enlarged, which could not be put back at once.
 */
bool inet_room_stays(int fd, uint64_t bytes);
/* The same, and some of @bytes waits at the sender. */
bool inet_room_overflows(int fd, uint64_t bytes);
/* Lets send(2) take @bytes whatever the receiver has room for. inet_room_unhold() undoes it. */
void inet_room_hold(int fd, uint64_t bytes, struct inet_room *before);
void inet_room_unhold(int fd, struct inet_room *before);

#endif

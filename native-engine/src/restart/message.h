/*
 * Between dmtcp_restart in the user's terminal (the front), its builder, and the holders: a
 * SOCK_SEQPACKET socket pair, one struct message per packet.
 */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <stdint.h>
#include <sys/types.h>

#include "../common/fault.h"

enum message_type {
	MESSAGE_MAPPED = 1, /* front: the ids of the user namespace are in place */
	MESSAGE_BUILDER,    /* helper: @pid of the builder as the front sees it */
	MESSAGE_MEMBER,     /* builder: process @pid of image @code is @status for the front */
	MESSAGE_READY,      /* builder, @status for the front: all stands; @pid is the root */
	MESSAGE_GO,         /* front */
	MESSAGE_RUNNING,    /* builder: everything runs */
	MESSAGE_FAILED,     /* builder: @fault, before go */
	MESSAGE_CHILD,      /* supervisor: child @pid, @code CLD_*, @status as in siginfo */
	MESSAGE_LOOK,       /* holder, to the supervisor: a child has gone */
	MESSAGE_STAYS,      /* supervisor, after those: others are still there */
	MESSAGE_HANG_UP,    /* front: the user's terminal has gone */
	MESSAGE_SIGNAL,     /* front: signal @code to @pid (negative: to the group) */
	MESSAGE_WARNING,    /* builder: @fault is something to know, not a failure */
	MESSAGE_PROGRESS,   /* builder: @status MiB of the images are used; image @code is in work.
			     * Dropped where there is no room */
};

struct message {
	uint32_t type;
	int32_t pid;
	int32_t code;
	int32_t status;
	struct fault fault;
};

/* 0; -ETIMEDOUT; -EPIPE when the other end has gone; other -errno. */
int message_send(int fd, const struct message *m);
int message_receive(int fd, struct message *m, int timeout_ms);

#endif

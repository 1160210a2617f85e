/* Empty messages in a Unix socket's queue, which the kernel shows once only. */
#ifndef UNIX_RENEW_H
#define UNIX_RENEW_H

#include "inventory.h"
#include "unix_diag.h"

/*
 * @queue: what socket_queue_peek() has just seen in @fd, the socket @s. With an empty message in it,
 * every message is taken and sent again by its sender, so that the next round sees all of them as
 * this one did. Only where that changes nothing for the program; else the queue stays as it is.
 * Everything is frozen.
 */
void unix_renew(struct round *r, const struct process *owner, int fd,
		const struct unix_info *s, const struct buffer *queue);

#endif

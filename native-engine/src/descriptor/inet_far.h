/* TCP connections to members that were on another host: restore. */
#ifndef INET_FAR_H
#define INET_FAR_H

#include "file_index.h"
#include "inet_socket.h"

/* The other end among the images of this restart, whether it was on this host or not. */
bool inet_peer_find(struct rebuild *r, uint64_t file_id, const struct inet_payload *u,
		    struct file_view *peer);
/* A connection that the front has made anew: in *@fd. -ENOENT: it has not been. */
int inet_far_restore(struct rebuilt_process *p, uint64_t connection, int *fd);
/* For what its queue held, until inet_far_finish(). */
void inet_far_make_room(struct rebuilt_process *p, const struct inet_view *v, int fd);
/*
 * When all processes of all hosts stand: sends what the other ends' queues held, and awaits ours.
 */
int inet_far_finish(struct rebuilt_process *p, const struct inet_view *v, int fd);
/*
 * Sends @bytes with the urgent byte among them, before @deadline_ms (CLOCK_MONOTONIC). @receiver:
 * the other end, where it is ours, which tells of its room; else -1.
 */
int inet_send_queue(int sender, int receiver, const void *data, uint64_t bytes, uint32_t urgent,
		    uint64_t urgent_at, uint64_t deadline_ms);
/* A client that no program has accepted, whose listener was on another host. */
bool inet_waits_far(const struct inet_view *v);
/* File id of that listener, if it is in this restart; else 0. */
uint64_t inet_waited_find(struct rebuild *r, uint64_t connection);
/* Such a client, or a listener with some, which the front has made. -ENOENT: it has not. */
int inet_line_restore(struct rebuilt_process *p, const struct inet_view *v, int *fd);

#endif

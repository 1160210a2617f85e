/* Bytes from one descriptor to another, several at once, each at its own speed. */
#ifndef SSH_RELAY_H
#define SSH_RELAY_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#define SSH_FLOW_BYTES 65536

struct ssh_flow {
	int from, to;       /* -1: none; a flow with from -1 only empties what it holds */
	bool read_end;      /* there will be no more */
	bool write_end;     /* nobody takes it any more: what comes is thrown away */
	size_t start, end;  /* what @data holds */
	char data[SSH_FLOW_BYTES + 1]; /* a filter may add one byte */
};

/* What to wait for; two entries. */
void ssh_flow_wants(const struct ssh_flow *f, struct pollfd *ready);
/*
 * Does what @ready says is possible, without waiting. @filter (may be NULL) sees what was read and
 * returns how much is left of it, or -1 to end the reading.
 */
void ssh_flow_turn(struct ssh_flow *f, const struct pollfd *ready,
		   long (*filter)(void *context, char *data, size_t bytes), void *context);
/* All that was to come has come and is written, or nobody wants it. */
bool ssh_flow_done(const struct ssh_flow *f);

#endif

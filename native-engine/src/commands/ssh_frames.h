/* Frames on the control connection. */
#ifndef SSH_FRAMES_H
#define SSH_FRAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "ssh_wire.h"

struct ssh_frames {
	int fd;
	bool lost; /* the other side has gone */
	char in[sizeof(struct ssh_frame)], out[64 * sizeof(struct ssh_frame)];
	size_t in_bytes, out_bytes;
};

/* Queued; what finds no room is dropped: only the size of a window comes often. */
void ssh_frames_put(struct ssh_frames *f, enum ssh_frame_type type, uint32_t a, uint32_t b);
/* What poll(2) is to wait for. */
short ssh_frames_wants(const struct ssh_frames *f);
/* Sends and receives what goes without waiting; true: *@frame has come. */
bool ssh_frames_turn(struct ssh_frames *f, struct ssh_frame *frame);

#endif

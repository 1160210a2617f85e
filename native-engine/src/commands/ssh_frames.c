/* Frames on the control connection. */
#include "ssh_frames.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

void ssh_frames_put(struct ssh_frames *f, enum ssh_frame_type type, uint32_t a, uint32_t b)
{
	struct ssh_frame frame = { htonl(type), htonl(a), htonl(b) };

	if (f->out_bytes + sizeof(frame) > sizeof(f->out))
		return;
	memcpy(f->out + f->out_bytes, &frame, sizeof(frame));
	f->out_bytes += sizeof(frame);
}

short ssh_frames_wants(const struct ssh_frames *f)
{
	return POLLIN | (f->out_bytes ? POLLOUT : 0);
}

bool ssh_frames_turn(struct ssh_frames *f, struct ssh_frame *frame)
{
	ssize_t n;

	if (f->lost)
		return false;
	if (f->out_bytes) {
		n = send(f->fd, f->out, f->out_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			memmove(f->out, f->out + n, f->out_bytes - n);
			f->out_bytes -= n;
		}
	}
	n = recv(f->fd, f->in + f->in_bytes, sizeof(f->in) - f->in_bytes, MSG_DONTWAIT);
	if (!n || (n < 0 && errno != EAGAIN && errno != EINTR))
		f->lost = true;
	if (n <= 0)
		return false;
	f->in_bytes += n;
	if (f->in_bytes < sizeof(*frame))
		return false;
	memcpy(frame, f->in, sizeof(*frame));
	frame->type = ntohl(frame->type);
	frame->a = ntohl(frame->a);
	frame->b = ntohl(frame->b);
	f->in_bytes = 0;
	return true;
}

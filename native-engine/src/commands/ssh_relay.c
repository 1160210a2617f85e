/* Bytes from one descriptor to another. */
#include "ssh_relay.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * A pipe that poll(2) calls writable has room for one page at least: pipe_poll() in fs/pipe.c. The
 * descriptors are not ours alone, so they are not made non-blocking.
 */
#define SAFE_BYTES 4096

void ssh_flow_wants(const struct ssh_flow *f, struct pollfd *ready)
{
	bool room = f->end - f->start < SSH_FLOW_BYTES || f->write_end;

	ready[0] = (struct pollfd){ .fd = f->read_end || !room ? -1 : f->from, .events = POLLIN };
	ready[1] = (struct pollfd){ .fd = f->start == f->end || f->write_end ? -1 : f->to,
				    .events = POLLOUT };
}

static void take_in(struct ssh_flow *f, long (*filter)(void *context, char *data, size_t bytes),
		    void *context)
{
	long n;

	if (f->write_end)
		f->start = f->end = 0;
	if (f->start) {
		memmove(f->data, f->data + f->start, f->end - f->start);
		f->end -= f->start;
		f->start = 0;
	}
	n = read(f->from, f->data + f->end, SSH_FLOW_BYTES - f->end);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && filter) {
		n = filter(context, f->data + f->end, n);
		if (!n)
			return;
	}
	if (n <= 0) /* a terminal that has been hung up says EIO */
		f->read_end = true;
	else
		f->end += n;
}

static void give_out(struct ssh_flow *f)
{
	size_t bytes = f->end - f->start;
	ssize_t n = send(f->to, f->data + f->start, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno == ENOTSOCK)
		n = write(f->to, f->data + f->start, bytes < SAFE_BYTES ? bytes : SAFE_BYTES);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		f->write_end = true;
	if (n > 0)
		f->start += n;
	if (f->start == f->end || f->write_end)
		f->start = f->end = 0;
}

void ssh_flow_turn(struct ssh_flow *f, const struct pollfd *ready,
		   long (*filter)(void *context, char *data, size_t bytes), void *context)
{
	if (ready[0].fd >= 0 && ready[0].revents)
		take_in(f, filter, context);
	if (ready[1].fd >= 0 && ready[1].revents)
		give_out(f);
}

bool ssh_flow_done(const struct ssh_flow *f)
{
	return f->write_end || (f->read_end && f->start == f->end);
}

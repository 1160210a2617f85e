/*
 * What is queued in a pseudo terminal. The line discipline shows it to nobody but a reader, so it
 * is read and written again from the other end, with the processing of characters switched off.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <asm/termbits.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "pty.h"

#define QUEUE_LIMIT (1 << 20)

/* poll(2) also makes the kernel hand over what is between the two ends: n_tty_poll(). */
static bool has_input(int fd)
{
	struct pollfd state = { .fd = fd, .events = POLLIN };

	return poll(&state, 1, 0) > 0 && state.revents & POLLIN;
}

static int read_all(int fd, struct buffer *out)
{
	char data[4096];

	while (has_input(fd) && out->bytes < QUEUE_LIMIT) {
		ssize_t n = read(fd, data, sizeof(data));

		if (n < 0)
			return errno == EAGAIN || errno == EIO ? 0 : -errno;
		if (!n)
			break;
		buffer_append(out, data, n);
	}
	return out->failed ? -ENOMEM : 0;
}

/*
 * A full queue takes back what was in it only when it is packed as well as the program has packed
 * it. The kernel holds it in buffers made for one write each, with place for twice as much; what
 * does not fit behind the last write begins a new one, and none is made beyond 64 KiB
 * (drivers/tty/tty_buffer.c). Small pieces leave no gap; the last buffer may be a big one.
 */
#define PIECE_BYTES 256
#define LAST_PIECE_BYTES 1792
#define LAST_PIECES 2

static size_t piece(size_t left)
{
	size_t most = left > LAST_PIECES * LAST_PIECE_BYTES ? PIECE_BYTES : LAST_PIECE_BYTES;

	return left < most ? left : most;
}

/* poll(2) does not tell of the place in the last buffer: it is asked only when a write fails. */
static int write_all(int fd, const char *data, size_t bytes, int drained)
{
	while (bytes) {
		struct pollfd ready = { .fd = fd, .events = POLLOUT };
		ssize_t n = write(fd, data, piece(bytes));

		if (n < 0 && errno != EAGAIN)
			return -errno;
		has_input(drained);
		if (n > 0) {
			data += n;
			bytes -= n;
		} else if (poll(&ready, 1, 1000) <= 0) {
			return -ETIMEDOUT;
		}
	}
	return 0;
}

/* As @modes, but every byte passes as it is. Lines stay lines: ICANON is kept. */
static struct termios2 transparent(const struct termios2 *modes)
{
	struct termios2 t = *modes;
	cc_t end = modes->c_cc[VEOF], line = modes->c_cc[VEOL], line2 = modes->c_cc[VEOL2];

	t.c_iflag &=
			~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IUCLC | IXON | IXANY |
		       IXOFF | IMAXBEL);
	t.c_oflag &= ~OPOST;
	t.c_lflag &= ~(ECHO | ECHOE | ECHOK | ECHONL | ECHOCTL | ECHOKE | ECHOPRT | ISIG | IEXTEN);
	if (t.c_lflag & ICANON) {
		memset(t.c_cc, 0, sizeof(t.c_cc));
		t.c_cc[VEOF] = end;
		t.c_cc[VEOL] = line;
		t.c_cc[VEOL2] = line2;
	}
	return t;
}

int pty_put(int master, int slave, const void *to_slave, size_t to_slave_bytes,
	    const void *to_master, size_t to_master_bytes)
{
	struct termios2 modes, plain;
	int ret = 0;

	if (!to_slave_bytes && !to_master_bytes)
		return 0;
	if (ioctl(slave, TCGETS2, &modes))
		return -errno;
	plain = transparent(&modes);
	if (ioctl(slave, TCSETS2, &plain))
		return -errno;
	for (size_t n = 0; !ret && n < to_slave_bytes; n++) {
		char byte = ((const char *)to_slave)[n];

		/*
		 * The end of file that was typed is a 0 byte in the queue of a terminal with lines.
		 */
		if (!byte && modes.c_lflag & ICANON)
			byte = modes.c_cc[VEOF];
		ret = write_all(master, &byte, 1, slave);
	}
	has_input(slave); /* everything is in its queue before the modes come back */
	if (!ret)
		ret = write_all(slave, to_master, to_master_bytes, master);
	has_input(master);
	if (ioctl(slave, TCSETS2, &modes) && !ret)
		ret = -errno;
	return ret;
}

int pty_copy_queues(int master, struct buffer *to_slave, struct buffer *to_master)
{
	int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC), ret;
	int packet = 0, off = 0, waiting = 0, locked = 0;
	struct termios2 modes, plain;

	if (slave < 0 && errno == EIO && !ioctl(master, TIOCGPTLCK, &locked) && locked)
		return 0; /* nobody has been able to open it yet */
	if (slave < 0)
		return -errno;
	if (ioctl(slave, TCGETS2, &modes)) {
		ret = -errno;
		goto out;
	}
	ioctl(master, TIOCGPKT, &packet);
	if (packet)
		ioctl(master, TIOCPKT, &off);
	ret = read_all(master, to_master);
	ioctl(slave, FIONREAD, &waiting);
	/*
	 * A line that is not complete shows only in raw mode; an idle raw terminal is left alone.
	 */
	if (!ret && (waiting || modes.c_lflag & ICANON)) {
		plain = modes;
		plain.c_lflag &= ~(ICANON | ECHO | ISIG);
		plain.c_cc[VMIN] = 1;
		plain.c_cc[VTIME] = 0;
		ioctl(slave, TCSETS2, &plain);
		ret = read_all(slave, to_slave);
		ioctl(slave, TCSETS2, &modes);
	}
	if (!ret)
		ret = pty_put(master, slave, to_slave->data, to_slave->bytes, to_master->data,
			      to_master->bytes);
	if (packet)
		ioctl(master, TIOCPKT, &packet);
out:
	close(slave);
	return ret;
}

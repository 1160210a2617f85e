/*
 * victim: terminals: all modes, characters and speeds, a locked one, one not opened, packets
 * category: terminal
 * scenarios: cycles twice
 */
#include <asm/ioctls.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "victim.h"

struct termios2_ {
	uint32_t iflag, oflag, cflag, lflag;
	uint8_t line, cc[19];
	uint32_t ispeed, ospeed;
};
#define TCGETS2_ 0x802C542A
#define TCSETS2_ 0x402C542B
#define TIOCGPTLCK_ 0x80045439
#define TIOCGPKT_ 0x80045438

static int master, slave, locked, unopened, packet, packet_slave;
static struct termios2_ wanted;

static int value(int fd, unsigned long request)
{
	int v = -1;

	victim_check(!ioctl(fd, request, &v));
	return v;
}

static void check(void)
{
	struct termios2_ now;

	victim_check(!ioctl(slave, TCGETS2_, &now));
	if (memcmp(&now, &wanted, sizeof(now)))
		victim_bad("modes %x %x %x %x, speed %u %u", now.iflag, now.oflag, now.cflag,
			   now.lflag, now.ispeed, now.ospeed);
	victim_check(value(locked, TIOCGPTLCK_) == 1);
	victim_check(value(unopened, TIOCGPTLCK_) == 0);
	victim_check(value(packet, TIOCGPKT_) == 1);
}

int main(void)
{
	struct termios2_ t;
	char text[64];
	int zero = 0, one = 1, result, n;

	master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	victim_check(master >= 0 && !ioctl(master, TIOCSPTLCK, &zero));
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
	victim_check(slave >= 0 && !ioctl(slave, TCGETS2_, &t));
	t.iflag = 0100 | 01000 | 040000; /* INLCR IUCLC IUTF8 */
	t.oflag = 1 | 2;
	t.lflag = 0xa30 | 0200000;
	t.cflag = (t.cflag & ~0100017u) | 0010000 | 0000200 | 2 << 4; /* BOTHER */
	t.ispeed = 12345, t.ospeed = 54321;
	for (int i = 0; i < 17; i++)
		t.cc[i] = 100 + i;
	victim_check(!ioctl(slave, TCSETS2_, &t) && !ioctl(slave, TCGETS2_, &wanted));
	locked = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
	unopened = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	victim_check(!ioctl(unopened, TIOCSPTLCK, &zero));
	packet = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
	victim_check(!ioctl(packet, TIOCSPTLCK, &zero) && !ioctl(packet, TIOCPKT, &one));
	packet_slave = ioctl(packet, TIOCGPTPEER, O_RDWR | O_NOCTTY);
	victim_check(packet_slave >= 0 && write(packet_slave, "hello", 5) == 5);
	result = victim_run(check);
	n = read(packet, text, sizeof(text));
	victim_check(n == 6 && !text[0] && !memcmp(text + 1, "hello", 5));
	return result;
}

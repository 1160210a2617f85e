/*
 * victim: pty with both ends: modes, size, queued lines in both directions, a line not yet complete
 * category: terminal
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "victim.h"

static int master, slave, raw_master, raw_slave;

static void expect(int fd, const char *text)
{
	char data[128];
	int waiting = 0;
	ssize_t n;

	for (int k = 0; k < 200 && waiting < 1; k++) {
		victim_check(!ioctl(fd, FIONREAD, &waiting));
		if (!waiting)
			usleep(1000);
	}
	n = waiting ? read(fd, data, sizeof(data)) : 0;
	if (n != (ssize_t)strlen(text) || memcmp(data, text, n))
		victim_bad("%.*s instead of %s", (int)n, data, text);
}

static void say(int fd, const char *text)
{
	victim_check(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static void say_all(void)
{
	say(slave, "printed\n");
	say(master, "typed\nhalf ");
	say(raw_master, "\003raw\r");
}

static void check(void)
{
	struct termios modes;
	struct winsize size;

	victim_check(!ioctl(slave, TIOCGWINSZ, &size) && size.ws_row == 33 && size.ws_col == 77);
	victim_check(!tcgetattr(slave, &modes) && modes.c_lflag & ICANON && !(modes.c_lflag & ECHO));
	victim_check(modes.c_oflag & ONLCR && modes.c_cc[VERASE] == 8);
	expect(master, "printed\r\n");
	expect(slave, "typed\n");
	say(master, "line\n"); /* completes what was typed */
	expect(slave, "half line\n");
	expect(raw_slave, "\003raw\r");
	say_all();
	usleep(2000);
}

static int open_pty(int *other)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY);

	victim_check(fd >= 0 && !grantpt(fd) && !unlockpt(fd));
	*other = open(ptsname(fd), O_RDWR | O_NOCTTY);
	victim_check(*other >= 0);
	return fd;
}

int main(void)
{
	struct winsize size = { .ws_row = 33, .ws_col = 77 };
	struct termios modes;

	master = open_pty(&slave);
	raw_master = open_pty(&raw_slave);
	victim_check(!ioctl(master, TIOCSWINSZ, &size) && !tcgetattr(slave, &modes));
	modes.c_lflag &= ~ECHO;
	modes.c_cc[VERASE] = 8;
	victim_check(!tcsetattr(slave, TCSANOW, &modes) && !tcgetattr(raw_slave, &modes));
	cfmakeraw(&modes);
	victim_check(!tcsetattr(raw_slave, TCSANOW, &modes));
	say_all();
	usleep(2000);
	return victim_run(check);
}

/*
 * victim: child with a session of its own on a pty of its parent: control, foreground, packet mode, Ctrl-C
 * category: terminal
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>

#include "victim.h"

static int master;
static pid_t child;
static volatile sig_atomic_t interrupts;

static void on_interrupt(int number)
{
	(void)number;
	interrupts++;
}

/* Says how often it was interrupted, and whether the terminal is still its own. */
static void be_child(const char *name)
{
	struct sigaction action = { .sa_handler = on_interrupt };
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	fd = open(name, O_RDWR);
	if (fd < 0 || sigaction(SIGINT, &action, NULL))
		_exit(1);
	for (;;) {
		char line[64];
		int tty, bytes;

		pause();
		tty = open("/dev/tty", O_RDWR);
		bytes = snprintf(line, sizeof(line), "%d %d %d\n", interrupts, tty >= 0,
				 tcgetpgrp(fd) == getpid() && tcgetsid(fd) == getpid());
		if (tty >= 0)
			close(tty);
		if (write(fd, line, bytes) != bytes)
			_exit(2);
	}
}

static void check(void)
{
	static int asked;
	char data[64] = "", expected[64];
	ssize_t n;
	int packet = 0;

	victim_check(!ioctl(master, TIOCGPKT, &packet) && packet);
	victim_check(tcgetpgrp(master) == child);
	victim_check(write(master, "\003", 1) == 1);
	n = snprintf(expected, sizeof(expected), "%d 1 1\r\n", ++asked);
	for (int k = 0, used = 0; used < n && k < 100; k++) {
		char part[64];
		ssize_t got = read(master, part, sizeof(part));

		victim_check(got > 0 || errno == EAGAIN);
		if (got > 1 && !part[0]) {
			memcpy(data + used, part + 1, got - 1);
			used += got - 1;
		}
		if (got <= 0)
			usleep(10000);
	}
	if (strcmp(data, expected))
		victim_bad("%s instead of %s", data, expected);
}

int main(void)
{
	struct termios modes;
	int on = 1;

	master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
	victim_check(master >= 0 && !grantpt(master) && !unlockpt(master));
	victim_check(!tcgetattr(master, &modes));
	modes.c_lflag &= ~ECHO;
	modes.c_lflag |= NOFLSH;
	victim_check(!tcsetattr(master, TCSANOW, &modes) && !ioctl(master, TIOCPKT, &on));
	child = fork();
	if (!child)
		be_child(ptsname(master));
	usleep(100000);
	return victim_run(check);
}

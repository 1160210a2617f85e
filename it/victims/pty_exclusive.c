/*
 * victim: terminal that nobody else may open (TIOCEXCL), both sides with unread bytes
 * category: terminal
 * link: -lutil
 */
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "victim.h"

static int master, slave;

static int waiting_at(int fd)
{
	int bytes = -1;

	victim_check(!ioctl(fd, FIONREAD, &bytes));
	return bytes;
}

static void check(void)
{
	int exclusive = 0;

	victim_check(!ioctl(slave, TIOCGEXCL, &exclusive) && exclusive);
	victim_check(waiting_at(slave) == 3 && waiting_at(master) == 5);
}

int main(void)
{
	struct termios modes;

	victim_check(!openpty(&master, &slave, NULL, NULL, NULL));
	victim_check(!tcgetattr(slave, &modes));
	cfmakeraw(&modes);
	victim_check(!tcsetattr(slave, TCSANOW, &modes));
	victim_check(write(master, "abc", 3) == 3 && write(slave, "defgh", 5) == 5);
	victim_check(!ioctl(slave, TIOCEXCL));
	/* A thread of the kernel carries the bytes over. */
	for (int n = 0; n < 5000 && (waiting_at(slave) < 3 || waiting_at(master) < 5); n++)
		usleep(1000);
	return victim_run(check);
}

/*
 * victim: a session on a pseudo terminal of the program, with its foreground group
 * category: tree
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "family.h"

static pid_t foreground;

/* In the leader of the session */
static void check(void)
{
	int tty = open("/dev/tty", O_RDWR);

	if (tty < 0 || tcgetpgrp(tty) != foreground || tcgetsid(tty) != getpid())
		snprintf(family->error, sizeof(family->error),
			 "/dev/tty %d: foreground %d instead of %d, session %d", tty,
			 tcgetpgrp(tty), foreground, tcgetsid(tty));
	close(tty);
}

int main(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	char name[64];

	victim_check(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	victim_check(ptsname_r(master, name, sizeof(name)) == 0);
	family_start();
	if (fork() == 0) {
		int slave;

		setsid();
		slave = open(name, O_RDWR);
		close(master);
		foreground = fork();
		if (foreground == 0) {
			setpgid(0, 0);
			family_live(NULL);
		}
		setpgid(foreground, foreground);
		signal(SIGTTOU, SIG_IGN);
		if (tcsetpgrp(slave, foreground))
			_exit(1);
		family_live(check);
	}
	family_await(2);
	return family_run(NULL);
}

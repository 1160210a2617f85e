/*
 * victim: signalfd with a pending signal
 * category: descriptors
 */
#include <fcntl.h>
#include <sys/signalfd.h>

#include "victim.h"

static int fd;

static void check(void)
{
	struct signalfd_siginfo info;
	union sigval value = { .sival_int = 4711 };

	victim_check(read(fd, &info, sizeof(info)) == sizeof(info));
	victim_check(info.ssi_signo == (unsigned)SIGRTMIN + 5 && info.ssi_int == 4711);
	victim_check(read(fd, &info, sizeof(info)) < 0 && errno == EAGAIN);
	victim_check(!sigqueue(getpid(), SIGRTMIN + 5, value));
}

int main(void)
{
	union sigval value = { .sival_int = 4711 };
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGRTMIN + 5);
	victim_check(!sigprocmask(SIG_BLOCK, &mask, NULL));
	fd = signalfd(-1, &mask, SFD_NONBLOCK);
	victim_check(fd >= 0 && !sigqueue(getpid(), SIGRTMIN + 5, value));
	return victim_run(check);
}

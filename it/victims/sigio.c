/*
 * victim: F_SETOWN, F_SETSIG, O_ASYNC on a pipe
 * category: descriptors
 */
#include <fcntl.h>

#include "victim.h"

static int ends[2];
static volatile sig_atomic_t arrived;

static void on_data(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	if (info->si_fd == ends[0])
		arrived++;
}

static void check(void)
{
	struct f_owner_ex owner;
	int before = arrived;
	char byte;

	victim_check(!fcntl(ends[0], F_GETOWN_EX, &owner));
	victim_check(owner.type == F_OWNER_PID && owner.pid == getpid());
	victim_check(fcntl(ends[0], F_GETSIG) == SIGRTMIN + 3);
	victim_check(fcntl(ends[0], F_GETFL) & O_ASYNC);
	victim_check(write(ends[1], "x", 1) == 1);
	for (int n = 0; n < 100 && arrived == before; n++)
		usleep(10000);
	victim_check(arrived > before);
	victim_check(read(ends[0], &byte, 1) == 1);
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = on_data, .sa_flags = SA_SIGINFO | SA_RESTART };

	victim_check(!pipe(ends) && !sigaction(SIGRTMIN + 3, &action, NULL));
	victim_check(!fcntl(ends[0], F_SETOWN, getpid()) && !fcntl(ends[0], F_SETSIG, SIGRTMIN + 3));
	victim_check(!fcntl(ends[0], F_SETFL, O_ASYNC | O_NONBLOCK));
	return victim_run(check);
}

/*
 * victim: signal handlers with flags and masks
 * category: process
 * variants: dynamic static
 */
#include <sys/syscall.h>

#include "victim.h"

struct kernel_action { /* rt_sigaction(2): what the kernel holds, also for glibc's own signals */
	void *handler;
	unsigned long flags;
	void *restorer;
	unsigned long mask;
};

static struct kernel_action before[65];
static volatile int caught;

static void on_signal(int number, siginfo_t *info, void *context)
{
	(void)context;
	victim_check(info->si_signo == number);
	caught += number;
}

static void read_all(struct kernel_action *to)
{
	for (int i = 1; i <= 64; i++)
		victim_check(syscall(SYS_rt_sigaction, i, NULL, &to[i], 8) == 0);
}

static void check(void)
{
	struct kernel_action now[65];

	read_all(now);
	for (int i = 1; i <= 64; i++)
		if (memcmp(&now[i], &before[i], sizeof(now[i])))
			victim_bad("action of signal %d changed", i);
	caught = 0;
	raise(SIGHUP);
	raise(SIGRTMIN + 3);
	victim_check(caught == SIGHUP + SIGRTMIN + 3);
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = on_signal };

	for (int i = 1; i <= 64; i++) {
		action.sa_flags = SA_SIGINFO | (i % 2 ? SA_RESTART : 0) | (i % 3 ? SA_NODEFER : 0);
		sigemptyset(&action.sa_mask);
		sigaddset(&action.sa_mask, 1 + i % 31);
		if (i != SIGUSR1 && i != SIGSEGV && i != SIGBUS && i != SIGCHLD)
			sigaction(i, &action, NULL);
	}
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	victim_ready();
	read_all(before);
	do
		check();
	while (victim_tick());
	check();
	return victim_ok();
}

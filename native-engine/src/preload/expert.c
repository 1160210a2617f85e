/* What DMTCP's interface has for its own plugins, as far as it means something here. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "dmtcp.h"

#define DEFAULT_SIGNAL SIGUSR2

/* As dmtcp_launch has checked it. Nothing is sent: threads are stopped from outside. */
int dmtcp_get_ckpt_signal(void)
{
	const char *text = getenv("DMTCP_SIGCKPT");
	int number = text ? atoi(text) : 0;

	return number > 0 && number <= SIGRTMAX ? number : DEFAULT_SIGNAL;
}

static void change_mask(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, dmtcp_get_ckpt_signal());
	pthread_sigmask(how, &set, NULL);
}

void dmtcp_block_ckpt_signal(void)
{
	change_mask(SIG_BLOCK);
}

void dmtcp_unblock_ckpt_signal(void)
{
	change_mask(SIG_UNBLOCK);
}

/* The environment of a restart is in memory, and nothing is logged for a replay. */
int dmtcp_protected_environ_fd(void)
{
	return -1;
}

int dmtcp_get_readlog_fd(void)
{
	return -1;
}

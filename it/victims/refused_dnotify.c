/*
 * victim: a directory that tells of changes by signal (F_NOTIFY)
 * category: descriptors
 * refused: process \d+: descriptor \d+ \(.+watched\) tells of changes in its directory by signal
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "victim.h"

static int directory;
static volatile sig_atomic_t told;

static void on_change(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	told = info->si_fd == directory;
}

static void check(void)
{
	told = 0;
	close(open("watched/new", O_CREAT | O_WRONLY, 0600));
	for (int i = 0; !told && i < 2000; i++)
		usleep(1000);
	victim_check(told);
	unlink("watched/new");
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = on_change,
				    .sa_flags = SA_SIGINFO | SA_RESTART };

	victim_check(!sigaction(SIGRTMIN + 2, &action, NULL));
	victim_check(!mkdir("watched", 0700));
	directory = open("watched", O_RDONLY);
	victim_check(!fcntl(directory, F_SETSIG, SIGRTMIN + 2));
	if (fcntl(directory, F_NOTIFY, DN_CREATE | DN_MULTISHOT))
		victim_unavailable("F_NOTIFY: %s", strerror(errno));
	return victim_run(check);
}

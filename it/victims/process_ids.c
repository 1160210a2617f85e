/*
 * victim: process, parent, group and session ids
 * category: process
 * variants: dynamic static
 */
#include <sys/syscall.h>

#include "victim.h"

static pid_t ids[5];

static void read_ids(pid_t *to)
{
	to[0] = getpid();
	to[1] = getppid();
	to[2] = getpgid(0);
	to[3] = getsid(0);
	to[4] = syscall(SYS_gettid);
}

static void check(void)
{
	pid_t now[5];

	read_ids(now);
	for (int i = 0; i < 5; i++)
		if (now[i] != ids[i])
			victim_bad("id %d was %d and is %d", i, ids[i], now[i]);
}

int main(void)
{
	read_ids(ids);
	return victim_run(check);
}

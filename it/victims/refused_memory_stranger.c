/*
 * victim: a process on the memory of its grandparent
 * category: tree
 * refused: process \d+ \(.*\) shares its memory with process \d+, which is neither its parent
 */
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "victim.h"

static char stacks[2][65536];
static volatile int beats, before;

static int live(void *unused)
{
	(void)unused;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		beats++;
		usleep(10000);
	}
	return 0;
}

/* Its child stays on the memory that it leaves. */
static int pass_on(void *unused)
{
	(void)unused;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	clone(live, stacks[1] + sizeof(stacks[1]), CLONE_VM, NULL);
	execl("/bin/sleep", "sleep", "1000", NULL);
	_exit(1);
}

static void check(void)
{
	for (int n = 0; n < 200 && beats == before; n++)
		usleep(10000);
	victim_check(beats != before);
	before = beats;
}

int main(void)
{
	victim_check(clone(pass_on, stacks[0] + sizeof(stacks[0]), CLONE_VM | SIGCHLD, NULL) > 0);
	while (!beats)
		usleep(1000);
	return victim_run(check);
}

/*
 * victim: strict seccomp mode (read, write and exit alone)
 * category: process
 * refused: process \d+ \(refused_seccomp\) runs in strict seccomp mode
 */
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "victim.h"

static int watch[2];

static void check(void)
{
}

/* Lives as long as nobody writes to it, or closes the other end. */
static void live(void)
{
	char byte;

	close(watch[1]);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
		syscall(SYS_exit, 2);
	syscall(SYS_exit, read(watch[0], &byte, 1) == 1 ? 0 : 1);
}

int main(void)
{
	int result, status;
	pid_t child;

	victim_check(!pipe(watch));
	child = fork();
	victim_check(child >= 0);
	if (!child)
		live();
	usleep(20000);
	if (waitpid(child, &status, WNOHANG) == child)
		victim_unavailable("strict seccomp: status %x", status);
	result = victim_run(check);
	victim_check(write(watch[1], "x", 1) == 1);
	victim_check(waitpid(child, &status, 0) == child && !status);
	return result;
}

/*
 * victim: a stopped child stays stopped
 * category: tree
 */
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "victim.h"

static pid_t child;

static char state(void)
{
	char path[64], text[256] = "", *bracket;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", child);
	fd = open(path, O_RDONLY);
	victim_check(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	bracket = strrchr(text, ')');
	victim_check(bracket);
	return bracket[2];
}

static void check(void)
{
	victim_check(state() == 'T');
}

int main(void)
{
	int status;

	child = fork();
	victim_check(child >= 0);
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		raise(SIGSTOP);
		_exit(getppid() > 1 ? 23 : 1);
	}
	victim_check(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
	victim_ready();
	do
		check();
	while (victim_tick());
	check();
	victim_check(kill(child, SIGCONT) == 0);
	do
		victim_check(waitpid(child, &status, 0) == child);
	while (WIFSTOPPED(status));
	victim_check(WIFEXITED(status) && WEXITSTATUS(status) == 23);
	return victim_ok();
}

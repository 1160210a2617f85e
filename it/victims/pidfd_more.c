/*
 * victim: pidfds of a zombie, a reaped process, a parent; without blocking; inherited
 * category: descriptors
 * scenarios: cycles twice
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "victim.h"

static int zombie_fd, reaped_fd, nonblock_fd;
static pid_t zombie, child;

static long shown_pid(int fd)
{
	char path[64], text[512], *found;
	int info;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = open(path, O_RDONLY);
	n = read(info, text, sizeof(text) - 1);
	close(info);
	text[n > 0 ? n : 0] = '\0';
	found = strstr(text, "\nPid:");
	victim_check(found);
	return strtol(found + 5, NULL, 10);
}

static bool ended(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void check(void)
{
	siginfo_t info = { 0 };

	victim_check(ended(zombie_fd) && shown_pid(zombie_fd) == zombie);
	victim_check(ended(reaped_fd) && shown_pid(reaped_fd) == -1);
	victim_check(syscall(SYS_pidfd_send_signal, reaped_fd, 0, NULL, 0) < 0 && errno == ESRCH);
	victim_check(!ended(nonblock_fd) && shown_pid(nonblock_fd) == child);
	victim_check(fcntl(nonblock_fd, F_GETFL) & O_NONBLOCK);
	victim_check(waitid(P_PIDFD, nonblock_fd, &info, WEXITED) < 0 && errno == EAGAIN);
	victim_check(!waitid(P_PIDFD, zombie_fd, &info, WEXITED | WNOWAIT) && info.si_status == 5);
}

int main(void)
{
	pid_t pid = fork();
	siginfo_t info;
	int result, parent_fd = syscall(SYS_pidfd_open, getpid(), 0);

	if (!pid)
		_exit(3);
	reaped_fd = syscall(SYS_pidfd_open, pid, 0);
	victim_check(reaped_fd >= 0 && waitpid(pid, NULL, 0) == pid);
	zombie = fork();
	if (!zombie)
		_exit(5);
	victim_check(!waitid(P_PID, zombie, &info, WEXITED | WNOWAIT));
	zombie_fd = syscall(SYS_pidfd_open, zombie, 0);
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			usleep(20000);
			if (ended(parent_fd) || shown_pid(parent_fd) != getppid())
				_exit(1);
		}
	}
	nonblock_fd = syscall(SYS_pidfd_open, child, O_NONBLOCK);
	victim_check(nonblock_fd >= 0);
	result = victim_run(check);
	victim_check(waitpid(child, NULL, WNOHANG) == 0 && !kill(child, SIGKILL));
	waitpid(child, NULL, 0);
	victim_check(waitpid(zombie, &result, 0) == zombie && WEXITSTATUS(result) == 5);
	return 0;
}

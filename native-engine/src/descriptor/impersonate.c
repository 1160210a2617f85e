#include "impersonate.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* As a raw call: the C library would change all threads. */
static void take_ids(uid_t uid, gid_t gid)
{
	if (gid != getegid())
		syscall(SYS_setresgid, -1, gid, -1);
	if (uid != geteuid())
		syscall(SYS_setresuid, -1, uid, -1);
}

int impersonate(pid_t pid, uid_t uid, gid_t gid, int (*work)(void *argument), void *argument)
{
	struct clone_args args = { .flags = CLONE_FILES, .set_tid_size = 1 };
	int status;
	long ret;

	args.set_tid = (uintptr_t)&pid;
	if (pid <= 0 || pid == getpid())
		return work(argument);
	ret = syscall(SYS_clone3, &args, sizeof(args));
	if (ret < 0)
		return work(argument);
	if (ret == 0) {
		take_ids(uid, gid);
		_exit(-work(argument));
	}
	/* It was made without an exit signal. */
	while (waitpid((pid_t)ret, &status, __WALL) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

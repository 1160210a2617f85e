/*
 * A program holds a semaphore with SEM_UNDO, for which somebody waits who is no part of it: a
 * checkpoint does not hand it over.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define LIMIT_MS 20000

static int set;

static bool take(void)
{
	struct sembuf one = { .sem_op = -1, .sem_flg = SEM_UNDO };
	int ret;

	while ((ret = semop(set, &one, 1)) && errno == EINTR)
		;
	return !ret;
}

static pid_t start(bool holds)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(60);
	if (!take() || !holds)
		_exit(1);
	for (;;)
		pause();
}

static void await(int command, int value)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	for (int n = 0; n < LIMIT_MS && semctl(set, 0, command) != value; n++)
		nanosleep(&moment, NULL);
	CHECK(semctl(set, 0, command) == value);
}

static void checkpoint(const char *engine, pid_t pid, const char *directory)
{
	char command[2 * PATH_MAX];
	int bytes = snprintf(command, sizeof(command),
			     "'%s' --checkpoint %d --dir '%s' >/dev/null && rm -r '%s'", engine, pid,
			     directory, directory);

	CHECK(bytes < (int)sizeof(command) && !system(command));
}

int main(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : getenv("DMTCP_ENGINE");
	char engine[PATH_MAX], directory[] = "/tmp/undo-test-XXXXXX";
	pid_t holder, stranger;

	CHECK(path && realpath(path, engine) && mkdtemp(directory));
	set = semget(IPC_PRIVATE, 1, 0600);
	CHECK(set >= 0 && !semctl(set, 0, SETVAL, 1));
	holder = start(true);
	await(GETVAL, 0);
	stranger = start(false);
	await(GETNCNT, 1);
	checkpoint(engine, holder, directory);
	CHECK(!waitpid(stranger, NULL, WNOHANG) && semctl(set, 0, GETNCNT) == 1,
	      "it has been handed over");
	kill(holder, SIGKILL);
	CHECK(waitpid(holder, NULL, 0) == holder && waitpid(stranger, NULL, 0) == stranger);
	CHECK(semctl(set, 0, GETVAL) == 1 && !semctl(set, 0, IPC_RMID));
	puts("ok");
	return 0;
}

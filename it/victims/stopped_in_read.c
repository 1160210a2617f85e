/*
 * victim: a child stopped in the middle of a read, which goes on with it
 * category: tree
 */
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "victim.h"

static pid_t child;
static int to[2], from[2];

/* Doubles what it reads. */
static void serve(void)
{
	int number;
	ssize_t n;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while ((n = read(to[0], &number, sizeof(number))) == sizeof(number)) {
		number *= 2;
		if (write(from[1], &number, sizeof(number)) != sizeof(number))
			_exit(1);
	}
	_exit(n ? 2 : 0);
}

static void stop(void)
{
	int status;

	victim_check(kill(child, SIGSTOP) == 0);
	victim_check(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
}

/* It answers once it is continued, and is stopped again in the next read. */
static void check(void)
{
	struct pollfd answer = { .fd = from[0], .events = POLLIN };
	static int number;
	int got, status;

	victim_check(poll(&answer, 1, 0) == 0);
	victim_check(kill(child, SIGCONT) == 0);
	victim_check(waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status));
	number++;
	victim_check(write(to[1], &number, sizeof(number)) == sizeof(number));
	victim_check(poll(&answer, 1, 10000) == 1);
	victim_check(read(from[0], &got, sizeof(got)) == sizeof(got) && got == 2 * number);
	stop();
}

int main(void)
{
	victim_check(pipe(to) == 0 && pipe(from) == 0);
	child = fork();
	victim_check(child >= 0);
	if (!child) {
		close(to[1]);
		serve();
	}
	stop();
	return victim_run(check);
}

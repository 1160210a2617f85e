/*
 * victim: pipes and a file position shared by parent and child
 * category: descriptors
 */
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "victim.h"

static int to_child[2], from_child[2], shared_file;
static unsigned int asked;

/* The child answers each number with its double and moves the shared position. */
static void serve(void)
{
	unsigned int number;

	while (read(to_child[0], &number, sizeof(number)) == sizeof(number)) {
		lseek(shared_file, number, SEEK_SET);
		number *= 2;
		if (write(from_child[1], &number, sizeof(number)) != sizeof(number))
			break;
	}
	_exit(7);
}

static void check(void)
{
	unsigned int answer = 0;

	asked++;
	victim_check(write(to_child[1], &asked, sizeof(asked)) == sizeof(asked));
	victim_check(read(from_child[0], &answer, sizeof(answer)) == sizeof(answer));
	victim_check(answer == 2 * asked);
	victim_check(lseek(shared_file, 0, SEEK_CUR) == asked);
}

int main(void)
{
	int status, result;
	pid_t child;

	shared_file = open("shared", O_CREAT | O_EXCL | O_RDWR, 0600);
	victim_check(shared_file >= 0 && !ftruncate(shared_file, 1 << 20));
	victim_check(!pipe(to_child) && !pipe(from_child));
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(to_child[1]);
		close(from_child[0]);
		serve();
	}
	close(to_child[0]);
	close(from_child[1]);
	result = victim_run(check);
	close(to_child[1]); /* the child sees the end only if nobody else holds this end */
	victim_check(waitpid(child, &status, 0) == child);
	victim_check(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	return result;
}

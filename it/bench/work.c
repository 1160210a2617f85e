/*
 * Fixed work for measuring run-time overhead. usage: work syscall|fork|malloc|thread|exec N
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void *nothing(void *argument)
{
	return argument;
}

static int fork_once(const char *program)
{
	pid_t child = fork();

	if (child < 0)
		return -1;
	if (!child) {
		if (program)
			execl(program, program, "none", "0", (char *)NULL);
		_exit(0);
	}
	return waitpid(child, NULL, 0) == child ? 0 : -1;
}

int main(int argc, char **argv)
{
	long turns = argc == 3 ? atol(argv[2]) : 0;

	for (long i = 0; i < turns; i++) {
		pthread_t thread;

		if (!strcmp(argv[1], "syscall")) {
			syscall(SYS_getppid);
		} else if (!strcmp(argv[1], "malloc")) {
			void *volatile p = malloc(64 + i % 4096);

			free(p);
		} else if (!strcmp(argv[1], "fork")) {
			if (fork_once(NULL))
				return 1;
		} else if (!strcmp(argv[1], "exec")) {
			if (fork_once("/proc/self/exe"))
				return 1;
		} else if (!strcmp(argv[1], "thread")) {
			if (pthread_create(&thread, NULL, nothing, NULL) ||
			    pthread_join(thread, NULL))
				return 1;
		}
	}
	return 0;
}

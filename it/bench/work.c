/*
 * Fixed work for measuring run-time overhead. usage: work syscall|fork|malloc|thread|exec N [FILE]
 * FILE gets the seconds that it took, without those of starting the program.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
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

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static int tell(const char *path, double seconds)
{
	FILE *file = fopen(path, "w");

	return !file || fprintf(file, "%.9f\n", seconds) < 0 || fclose(file);
}

int main(int argc, char **argv)
{
	long turns = argc > 2 ? atol(argv[2]) : 0;
	double begin = now();

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
	return argc > 3 ? tell(argv[3], now() - begin) : 0;
}

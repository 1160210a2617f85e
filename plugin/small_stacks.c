/*
 * A program with the least stacks there are, for a thread and for a handler of signals, from which it calls
 * what plugins stand before.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MORE 6144 /* the loader takes most of it, where it first looks for a function */

static char cwd[PATH_MAX], target[PATH_MAX];

/* Nothing here takes much in the C library. */
static void call_all(void)
{
	struct stat status;
	int fd = open("/dev/null", O_RDONLY);

	if (fd < 0 || close(fd))
		write(STDOUT_FILENO, "wrong open\n", 11);
	if (stat("/", &status) || !S_ISDIR(status.st_mode) || access("/", R_OK))
		write(STDOUT_FILENO, "wrong stat\n", 11);
	if (!rename("/no/such/name", "/no/such/other") || errno != ENOENT)
		write(STDOUT_FILENO, "wrong rename\n", 13);
	if (readlink("/proc/self/exe", target, sizeof(target)) <= 0 || target[0] != '/')
		write(STDOUT_FILENO, "wrong readlink\n", 15);
	if (!getcwd(cwd, sizeof(cwd)) || cwd[0] != '/')
		write(STDOUT_FILENO, "wrong getcwd\n", 13);
}

static void on_signal(int number)
{
	(void)number;
	call_all();
}

/* With pages behind it (stacks grow down) that nobody may write. */
static void *stack_of(size_t bytes)
{
	size_t page = sysconf(_SC_PAGESIZE), rounded = (bytes + page - 1) / page * page;
	char *room = mmap(NULL, rounded + 16 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mprotect(room + 16 * page, rounded, PROT_READ | PROT_WRITE);
	return room + 16 * page;
}

static void *work(void *argument)
{
	call_all();
	return argument;
}

int main(void)
{
	size_t least = sysconf(_SC_MINSIGSTKSZ) + MORE;
	stack_t own = { .ss_sp = stack_of(least), .ss_size = least };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };
	pthread_attr_t attributes;
	pthread_t thread;

	sigaltstack(&own, NULL);
	sigaction(SIGUSR1, &action, NULL);
	pthread_attr_init(&attributes);
	pthread_attr_setstack(&attributes, stack_of(PTHREAD_STACK_MIN), PTHREAD_STACK_MIN);
	raise(SIGUSR1);
	if (pthread_create(&thread, &attributes, work, NULL))
		puts("wrong thread");
	else
		pthread_join(thread, NULL);
	puts("ok");
	return 0;
}

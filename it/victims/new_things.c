/*
 * victim: everything new works: fork, exec, threads, memory, files, sockets, timers, libraries
 * category: process
 * scenarios: cycles twice
 * link: -pthread -ldl
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <locale.h>
#include <netdb.h>
#include <pthread.h>
#include <pwd.h>
#include <semaphore.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "victim.h"

extern char **environ;

static void *run(void *argument)
{
	return argument;
}

static void check(void)
{
	char *const arguments[] = { "/bin/true", NULL };
	struct addrinfo *found, hints = { .ai_flags = AI_NUMERICHOST };
	pthread_t thread;
	void *result, *library;
	pid_t pid;
	int status, fds[2];
	char text[64];
	FILE *f;

	victim_check(!pthread_create(&thread, NULL, run, &pid) && !pthread_join(thread, &result));
	victim_check(result == &pid);
	victim_check(!posix_spawn(&pid, arguments[0], NULL, NULL, arguments, environ));
	victim_check(waitpid(pid, &status, 0) == pid && !status);
	victim_check(!system("exit 0"));
	f = popen("echo word", "r");
	victim_check(f && fgets(text, sizeof(text), f) && !strcmp(text, "word\n") && !pclose(f));
	library = dlopen("libm.so.6", RTLD_NOW);
	victim_check(library && dlsym(library, "cos") && !dlclose(library));
	victim_check(!getaddrinfo("127.0.0.1", "80", &hints, &found));
	freeaddrinfo(found);
	victim_check(getpwuid(getuid()));
	victim_check(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	close(fds[0]), close(fds[1]);
	f = tmpfile();
	victim_check(f && fprintf(f, "x") == 1 && !fclose(f));
	free(malloc(50 << 20));
	victim_check(getloadavg((double[1]){ 0 }, 1) == 1);
}

int main(void)
{
	return victim_run_undisturbed(check);
}

#include "engine_call.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ENGINE "dmtcp_engine"
#define STACK_BYTES (128u << 10)
#define LIMIT_TEXT "3600000" /* ms that the engine gives a checkpoint: most of it is the disk's */
#define LIMIT_NS (3660ull * 1000000000)
#define PAUSE_MAX_NS 5000000

extern char **environ;

__attribute__((format(printf, 3, 4)))
static int fail(struct mtcp_answer *a, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(a->text, sizeof(a->text), format, arguments);
	va_end(arguments);
	return -error;
}

/* DMTCP_ENGINE, else beside this library; *@found false: in PATH. */
static void find_engine(char *path, size_t bytes, bool *found)
{
	const char *named = secure_getenv("DMTCP_ENGINE");
	char library[PATH_MAX], *slash;
	Dl_info info;

	*found = true;
	if (named && *named && snprintf(path, bytes, "%s", named) < (int)bytes)
		return;
	if (dladdr((void *)engine_call, &info) && realpath(info.dli_fname, library)) {
		slash = strrchr(library, '/');
		if (snprintf(path, bytes, "%.*s/../../bin/" ENGINE, (int)(slash - library),
			     library) < (int)bytes && !access(path, X_OK))
			return;
	}
	snprintf(path, bytes, ENGINE);
	*found = false;
}

static bool is_hidden(const char *variable)
{
	return !strncmp(variable, "DMTCP_COMPUTATION_ID=", 21) ||
	       !strncmp(variable, "LD_PRELOAD=", 11);
}

/* Our environment without what is meant for programs, and marked as no part of a computation. */
static char **engine_environment(void)
{
	static char outside[] = "DMTCP_NOCHECKPOINT=1";
	size_t count = 0, kept = 0;
	char **copy;

	while (environ && environ[count])
		count++;
	copy = calloc(count + 2, sizeof(*copy));
	if (!copy)
		return NULL;
	for (size_t i = 0; i < count; i++)
		if (!is_hidden(environ[i]))
			copy[kept++] = environ[i];
	copy[kept] = outside;
	return copy;
}

struct launch {
	const char *path;
	bool search;
	char **arguments, **environment;
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	pid_t pid;
	int error;
};

static int trampoline(void *context)
{
	struct launch *l = context;

	l->error = (l->search ? posix_spawnp : posix_spawn)(&l->pid, l->path, &l->files,
							    &l->attributes, l->arguments,
							    l->environment);
	_exit(0);
}

/*
 * Over a child that ends at once and sends no signal: so the engine is not the program's child, and
 * neither its handlers nor its waits meet it. The child shares our memory and we stand still as
 * long as it lives (as with vfork(2)), so it leaves l->pid here.
 */
static int start(struct launch *l)
{
	int flags = CLONE_VM | CLONE_VFORK, error;
	char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	pid_t child;

	if (stack == MAP_FAILED)
		return errno;
	l->error = EAGAIN;
	child = clone(trampoline, stack + STACK_BYTES, flags, l);
	error = child < 0 ? errno : 0;
	while (child > 0 && waitpid(child, NULL, __WCLONE) < 0 && errno == EINTR)
		;
	munmap(stack, STACK_BYTES);
	return error ? error : l->error;
}

/* Nothing but our answer's address leads from it to us: it must not hold what we have open. */
static int prepare(struct launch *l)
{
	sigset_t none, all;
	int error;

	sigemptyset(&none);
	sigfillset(&all);
	error = posix_spawn_file_actions_init(&l->files);
	if (error)
		return error;
	error = posix_spawnattr_init(&l->attributes);
	if (error) {
		posix_spawn_file_actions_destroy(&l->files);
		return error;
	}
	posix_spawnattr_setsigmask(&l->attributes, &none);
	posix_spawnattr_setsigdefault(&l->attributes, &all);
	error = posix_spawnattr_setflags(&l->attributes, POSIX_SPAWN_SETSIGMASK |
					 POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
	for (int fd = 0; !error && fd <= STDERR_FILENO; fd++)
		error = posix_spawn_file_actions_addopen(&l->files, fd, "/dev/null", O_RDWR, 0);
	if (!error)
		error = posix_spawn_file_actions_addclosefrom_np(&l->files, STDERR_FILENO + 1);
	return error;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/*
 * Asked without opening anything, which would be in the image: whoever has ended has no memory,
 * also when nobody has waited for it yet (ESRCH, mm/process_vm_access.c); from the living it is
 * EPERM or EFAULT. Where the engine was given to us (process 1, subreaper) it is waited for.
 */
static bool has_ended(pid_t engine)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { NULL, 1 };

	return waitpid(engine, NULL, WNOHANG | __WALL) == engine ||
	       (process_vm_readv(engine, &here, 1, &there, 1, 0) < 0 && errno == ESRCH);
}

static uint32_t state_of(struct mtcp_answer *a)
{
	return __atomic_load_n(&a->state, __ATOMIC_ACQUIRE);
}

static int wait_for_answer(struct mtcp_answer *a, pid_t engine)
{
	struct timespec pause = { 0, 100000 };
	uint64_t deadline = now_ns() + LIMIT_NS;
	uint32_t state;

	while (!(state = state_of(a))) {
		bool ended = has_ended(engine);

		state = state_of(a); /* its last words */
		if (state)
			break;
		if (ended)
			return fail(a, EIO,
				    "the checkpoint engine has ended without an answer: it was "
				    "killed, or it may not look into this process (dmtcp_doctor "
				    "tells)");
		if (now_ns() > deadline)
			return fail(a, ETIMEDOUT, "the checkpoint engine does not answer");
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < PAUSE_MAX_NS)
			pause.tv_nsec += pause.tv_nsec / 4;
	}
	return state;
}

int engine_call(struct mtcp_answer *a, const char *image, const char *compression)
{
	bool launched = getenv("DMTCP_COMPUTATION_ID") != NULL, found;
	char path[PATH_MAX], pid[16], address[24];
	char *arguments[] = { ENGINE, "--checkpoint", pid, "--image", (char *)image, "--answer",
			      address, "--codec", (char *)compression, "--copy-on-write", "--limit",
			      LIMIT_TEXT, NULL };
	struct launch l = { .path = path, .arguments = arguments };
	int error, ret;

	memset(a, 0, sizeof(*a));
	a->magic = MTCP_ANSWER_MAGIC;
	snprintf(pid, sizeof(pid), "%d", getpid());
	snprintf(address, sizeof(address), "%lx", (unsigned long)a);
	find_engine(path, sizeof(path), &found);
	l.search = !found;
	l.environment = engine_environment();
	error = l.environment ? prepare(&l) : ENOMEM;
	if (error) {
		free(l.environment);
		return fail(a, error, "no memory to start the checkpoint engine");
	}
	error = start(&l);
	posix_spawn_file_actions_destroy(&l.files);
	posix_spawnattr_destroy(&l.attributes);
	free(l.environment);
	if (error)
		return fail(a, error, "%s: the checkpoint engine cannot be started: %s. Name it in "
			    "DMTCP_ENGINE, or add its directory to PATH", path, strerror(error));
	/* Yama lets nobody else trace us; the engine waits for this. Under dmtcp_launch all may. */
	if (!launched)
		prctl(PR_SET_PTRACER, l.pid, 0, 0, 0);
	ret = wait_for_answer(a, l.pid);
	if (!launched)
		prctl(PR_SET_PTRACER, 0, 0, 0, 0);
	return ret;
}

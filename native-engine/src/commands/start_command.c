/* Starting what goes on in the background: a coordinator, an agent. */
#include "start_command.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../common/monotonic.h"
#include "fail.h"
#include "outside.h"

#define ERROR_BYTES 2048
#define LOG_TAIL_BYTES 4000

void start_pause_ms(unsigned int ms)
{
	struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&pause, NULL);
}

/* In the child: nothing of a computation may stick to what is started. */
static void run_in_child(const char *const *arguments, int error_fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	outside_environment();
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(error_fd, STDERR_FILENO);
	execv(arguments[0], (char *const *)arguments);
	dprintf(STDERR_FILENO, "%s cannot be started: %s", arguments[0], strerror(errno));
	_exit(99);
}

/* Reads until the other end is closed, keeping the last bytes: a log may come before the reason. */
static int read_errors(int fd, char *text, size_t bytes, uint64_t deadline)
{
	size_t kept = 0;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint64_t now = monotonic_ms();
		ssize_t n;

		if (now >= deadline)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)(deadline - now)) <= 0)
			continue;
		if (kept == bytes - 1) {
			kept -= bytes / 2;
			memmove(text, text + bytes / 2, kept);
		}
		n = read(fd, text + kept, bytes - 1 - kept);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		if (n > 0)
			kept += n;
		text[kept] = '\0';
	}
	while (kept && strchr("\n ", text[kept - 1]))
		text[--kept] = '\0';
	return 0;
}

/* -ECHILD: somebody else (SIGCHLD ignored) took the status; then only the socket can tell. */
static int wait_child(pid_t child, uint64_t deadline)
{
	int status;
	pid_t got;

	while ((got = waitpid(child, &status, WNOHANG)) == 0 || (got < 0 && errno == EINTR)) {
		if (monotonic_ms() >= deadline)
			return -ETIMEDOUT;
		start_pause_ms(1);
	}
	if (got < 0)
		return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

int start_command_run(const char *const *arguments, const char *what, struct fault *fault)
{
	uint64_t deadline = monotonic_ms() + START_MS;
	char text[ERROR_BYTES] = "";
	int ends[2], ret;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC))
		return fault_set(fault, errno, "coordinator-start", "pipe: %s", strerror(errno));
	child = fork();
	if (child < 0) {
		ret = fault_set(fault, errno, "coordinator-start", "fork: %s", strerror(errno));
		goto out_close;
	}
	if (child == 0)
		run_in_child(arguments, ends[1]);
	close(ends[1]);
	ends[1] = -1;
	ret = read_errors(ends[0], text, sizeof(text), deadline);
	if (ret < 0)
		kill(child, SIGKILL); /* else waitpid below could take the rest of the limit again */
	else
		ret = wait_child(child, deadline);
	if (ret == -ECHILD)
		ret = 0;
	if (ret < 0) {
		waitpid(child, NULL, WNOHANG);
		if (!fail_read(text, fault))
			fault_set(fault, -ret, "coordinator-start",
				  "the %s could not be started: %s", what,
				  *text ? text : strerror(-ret));
	}
out_close:
	close(ends[0]);
	if (ends[1] >= 0)
		close(ends[1]);
	return ret;
}

static int lock_file(const char *path, struct fault *fault)
{
	uint64_t deadline = monotonic_ms() + START_MS;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return fault_set(fault, errno, "run-directory", "%s: %s", path, strerror(errno));
	while (flock(fd, LOCK_EX | LOCK_NB)) {
		int error = errno;

		if ((error == EWOULDBLOCK || error == EINTR) && monotonic_ms() < deadline) {
			start_pause_ms(10);
			continue;
		}
		close(fd);
		return fault_set(fault, error == EWOULDBLOCK ? ETIMEDOUT : error,
				 "coordinator-start", "another start holds %s", path);
	}
	return fd;
}

/* Is what we have locked still what the name leads to? Who held it before us has removed it. */
static bool is_lock(int fd, const char *path)
{
	struct stat ours, named;

	return !fstat(fd, &ours) && !stat(path, &named) && ours.st_dev == named.st_dev &&
		ours.st_ino == named.st_ino;
}

static void lock_path(char *path, size_t bytes, const char *directory, const char *name)
{
	snprintf(path, bytes, "%s/%s.lock", directory, name);
}

int start_command_lock(const char *directory, const char *name, struct fault *fault)
{
	char path[PATH_MAX + 400];
	int fd;

	lock_path(path, sizeof(path), directory, name);
	while ((fd = lock_file(path, fault)) >= 0 && !is_lock(fd, path))
		close(fd);
	return fd;
}

void start_command_unlock(const char *directory, const char *name, int lock)
{
	char path[PATH_MAX + 400];

	lock_path(path, sizeof(path), directory, name);
	unlink(path); /* while it is locked */
	close(lock);
}

/* The lines of @text as one. */
static void in_one_line(const char *text, char *out, size_t bytes)
{
	size_t n = 0;

	while (*text && n + 3 < bytes) {
		size_t line = strcspn(text, "\n");

		n += snprintf(out + n, bytes - n, "%s%.*s", n && line ? "; " : "", (int)line, text);
		text += line + (text[line] == '\n');
		n = n < bytes ? n : bytes - 1;
	}
}

/* From the line of the last error on, if there is any: what was said before is of other things. */
static const char *from_error(const char *text)
{
	const char *start = text;

	for (const char *at = text; (at = strstr(at, ": error: ")); at++) {
		start = at;
		while (start > text && start[-1] != '\n')
			start--;
	}
	return start;
}

bool start_print_log(const char *path, char *words, size_t bytes)
{
	char text[LOG_TAIL_BYTES + 1];
	struct fault said = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t end;
	ssize_t n;

	if (words)
		*words = '\0';
	if (fd < 0)
		return false;
	end = lseek(fd, 0, SEEK_END);
	n = pread(fd, text, LOG_TAIL_BYTES, end > LOG_TAIL_BYTES ? end - LOG_TAIL_BYTES : 0);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	fputs(from_error(text), stderr);
	if (fail_read(from_error(text), &said))
		return true;
	if (words)
		in_one_line(text, words, bytes);
	return false;
}

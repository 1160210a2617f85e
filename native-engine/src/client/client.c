#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/monotonic.h"
#include "dmtcp_engine.h"

#define EXPORT __attribute__((visibility("default")))
#define SUBMIT_LIMIT_MS 5000u
#define ENGINE_SOCKET 3 /* where the engine finds its end */

extern char **environ;

struct dmtcp_engine {
	pid_t pid;
	int pidfd; /* -1 where the kernel has none (before 5.3) */
	int socket;
	pthread_mutex_t sending;
	bool broken; /* half a message was sent */
	uint8_t *received;
	size_t received_bytes, capacity;
};

/* Milliseconds until @deadline for poll(2); 0 when it has passed. */
static int left(uint64_t deadline)
{
	uint64_t now = monotonic_ms();

	if (now >= deadline)
		return 0;
	return deadline - now > 60000 ? 60000 : deadline - now;
}

static bool is_hidden(const char *variable)
{
	return !strncmp(variable, "DMTCP_COMPUTATION_ID=", 21) ||
	       !strncmp(variable, "LD_PRELOAD=", 11);
}

/* The environment without what would make the engine a member of the computation. */
static char **clean_environment(void)
{
	size_t count = 0, kept = 0;
	char **clean;

	while (environ && environ[count])
		count++;
	clean = malloc((count + 1) * sizeof(*clean));
	if (!clean)
		return NULL;
	for (size_t i = 0; i < count; i++)
		if (!is_hidden(environ[i]))
			clean[kept++] = environ[i];
	clean[kept] = NULL;
	return clean;
}

/* posix_spawn, because fork in a process with many threads and much memory is slow and fragile. */
static int spawn(const char *path, int socket, pid_t *pid)
{
	char *arguments[] = { "dmtcp_engine", "--socket", "3", NULL };
	char **environment = clean_environment();
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t all, none;
	int error = ENOMEM;

	if (!environment)
		return -ENOMEM;
	if (posix_spawn_file_actions_init(&actions))
		goto out_environment;
	if (posix_spawnattr_init(&attributes))
		goto out_actions;
	sigfillset(&all);
	sigemptyset(&none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
					      POSIX_SPAWN_SETSID);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setsigmask(&attributes, &none);
	/* dup2 to itself would keep close-on-exec in old C libraries: the parent made it another. */
	error = posix_spawn_file_actions_adddup2(&actions, socket, ENGINE_SOCKET);
	if (!error)
		error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", 0, 0);
	if (!error)
		error = posix_spawn(pid, path, &actions, &attributes, arguments, environment);
	posix_spawnattr_destroy(&attributes);
out_actions:
	posix_spawn_file_actions_destroy(&actions);
out_environment:
	free(environment);
	return -error;
}

/* Our end gets a number that the engine's end does not need. */
static int socket_pair(int pair[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	for (int i = 0; i < 2; i++) {
		int moved;

		if (pair[i] > ENGINE_SOCKET)
			continue;
		moved = fcntl(pair[i], F_DUPFD_CLOEXEC, ENGINE_SOCKET + 1);
		if (moved < 0) {
			int ret = -errno;

			close(pair[0]);
			close(pair[1]);
			return ret;
		}
		close(pair[i]);
		pair[i] = moved;
	}
	return 0;
}

EXPORT int32_t dmtcp_engine_start(const char *path, struct dmtcp_engine **out)
{
	struct dmtcp_engine *e = calloc(1, sizeof(*e));
	int pair[2], ret;

	*out = NULL;
	if (!e)
		return -ENOMEM;
	ret = socket_pair(pair);
	if (ret < 0)
		goto err_free;
	ret = spawn(path, pair[1], &e->pid);
	close(pair[1]);
	if (ret < 0) {
		close(pair[0]);
		goto err_free;
	}
	e->socket = pair[0];
	e->pidfd = syscall(SYS_pidfd_open, e->pid, 0);
	pthread_mutex_init(&e->sending, NULL);
	*out = e;
	return 0;

err_free:
	free(e);
	return ret;
}

EXPORT int32_t dmtcp_engine_pid(const struct dmtcp_engine *engine)
{
	return engine->pid;
}

static int send_all(struct dmtcp_engine *e, const void *data, size_t bytes, uint64_t deadline)
{
	const uint8_t *from = data;

	while (bytes) {
		ssize_t n = send(e->socket, from, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
		struct pollfd p = { .fd = e->socket, .events = POLLOUT };

		if (n > 0) {
			from += n;
			bytes -= n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return errno == ECONNRESET ? -EPIPE : -errno;
		if (poll(&p, 1, left(deadline)) == 0 && !left(deadline))
			return -ETIMEDOUT;
	}
	return 0;
}

EXPORT int32_t dmtcp_engine_submit(struct dmtcp_engine *engine, const void *json, uint64_t bytes)
{
	uint64_t deadline = monotonic_ms() + SUBMIT_LIMIT_MS;
	uint32_t length = bytes;
	int ret = -EPIPE;

	if (!bytes || bytes > DMTCP_ENGINE_MESSAGE_BYTES)
		return -EMSGSIZE;
	pthread_mutex_lock(&engine->sending);
	if (!engine->broken) {
		ret = send_all(engine, &length, sizeof(length), deadline);
		if (!ret)
			ret = send_all(engine, json, bytes, deadline);
		engine->broken = ret < 0;
	}
	pthread_mutex_unlock(&engine->sending);
	return ret;
}

/* Length of the message at the head of what was received, 0 when its length is not here yet. */
static uint64_t head_length(const struct dmtcp_engine *e)
{
	uint32_t length;

	if (e->received_bytes < sizeof(length))
		return 0;
	memcpy(&length, e->received, sizeof(length));
	return length;
}

EXPORT uint64_t dmtcp_engine_pending(const struct dmtcp_engine *engine)
{
	uint64_t length = head_length(engine);

	return engine->received_bytes >= 4 + length ? length : 0;
}

/* Reads what has come: 1, 0 when nothing was there, or -errno. */
static int receive(struct dmtcp_engine *e)
{
	size_t wanted = 65536;
	ssize_t n;

	if (e->received_bytes + wanted > e->capacity) {
		size_t capacity = (e->received_bytes + wanted) * 2;
		uint8_t *received = realloc(e->received, capacity);

		if (!received)
			return -ENOMEM;
		e->received = received;
		e->capacity = capacity;
	}
	n = recv(e->socket, e->received + e->received_bytes, wanted, MSG_DONTWAIT);
	if (n > 0) {
		e->received_bytes += n;
		return 1;
	}
	if (!n || errno == ECONNRESET)
		return -EPIPE;
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

EXPORT int64_t dmtcp_engine_next(struct dmtcp_engine *engine, void *buffer, uint64_t capacity,
				 uint32_t timeout_ms)
{
	uint64_t deadline = monotonic_ms() + timeout_ms, length;

	while (!(length = dmtcp_engine_pending(engine))) {
		struct pollfd p = { .fd = engine->socket, .events = POLLIN };
		int ret = receive(engine);

		if (engine->received_bytes >= 4 && (!head_length(engine) ||
		    head_length(engine) > DMTCP_ENGINE_MESSAGE_BYTES))
			return -EBADMSG;
		if (ret < 0)
			return ret;
		if (ret || dmtcp_engine_pending(engine))
			continue;
		if (!left(deadline))
			return 0;
		poll(&p, 1, left(deadline));
	}
	if (length > capacity)
		return -ENOBUFS;
	memcpy(buffer, engine->received + 4, length);
	engine->received_bytes -= 4 + length;
	memmove(engine->received, engine->received + 4 + length, engine->received_bytes);
	return length;
}

EXPORT int32_t dmtcp_engine_stop(struct dmtcp_engine *engine, uint32_t timeout_ms)
{
	uint64_t deadline = monotonic_ms() + timeout_ms;
	int status = 0;
	pid_t waited;

	if (!engine)
		return 0;
	close(engine->socket);
	while ((waited = waitpid(engine->pid, &status, WNOHANG)) == 0 && left(deadline)) {
		struct pollfd p = { .fd = engine->pidfd, .events = POLLIN };
		int limit = left(deadline);

		/* Without a pidfd: look every few milliseconds. */
		poll(&p, engine->pidfd >= 0, engine->pidfd >= 0 || limit < 5 ? limit : 5);
	}
	if (engine->pidfd >= 0)
		close(engine->pidfd);
	pthread_mutex_destroy(&engine->sending);
	free(engine->received);
	free(engine);
	if (!waited)
		return -ETIMEDOUT;
	return waited < 0 ? 0 : status; /* ECHILD: the caller ignores SIGCHLD */
}

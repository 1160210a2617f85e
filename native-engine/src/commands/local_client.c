/* A connection to the coordinator or agent of this host: docs/local-protocol.md. */
#include "local_client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../common/monotonic.h"

#define LINE_BYTES (16u << 20) /* the longest line of the protocol */
#define PATIENCE_MS 20000
#define PROBE_MS 10000

struct local_client {
	int fd;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *data; /* received and not yet returned */
	size_t bytes, capacity;
};

/* 0, or -ETIMEDOUT once @deadline has passed; @events may be 0 for a short pause. */
static int wait_until(int fd, short events, uint64_t deadline)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		uint64_t now = monotonic_ms();
		int ready;

		if (now >= deadline)
			return -ETIMEDOUT;
		ready = poll(&p, 1, deadline - now > 60000 ? 60000 : (int)(deadline - now));
		if (ready > 0)
			return 0;
		if (ready < 0 && errno != EINTR)
			return -errno;
	}
}

/* A Unix socket's connect(2) is at once or EAGAIN, when the backlog is full. */
static int connect_until(int fd, const struct sockaddr_un *address, uint64_t deadline)
{
	while (connect(fd, (const struct sockaddr *)address, sizeof(*address))) {
		struct timespec pause = { .tv_nsec = 2000000 };

		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		if (monotonic_ms() >= deadline)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int check_peer(int fd)
{
	struct ucred peer;
	socklen_t bytes = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes))
		return -errno;
	return peer.uid == geteuid() || peer.uid == 0 ? 0 : -EPERM;
}

int local_server(const struct local_client *c)
{
	struct ucred peer;
	socklen_t bytes = sizeof(peer);
	int pidfd;

	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes))
		return -errno;
	pidfd = syscall(SYS_pidfd_open, peer.pid, 0);
	return pidfd < 0 ? -errno : pidfd;
}

int local_await_end(int pidfd, uint32_t timeout_ms)
{
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };
	int ready = poll(&ended, 1, timeout_ms);

	close(pidfd);
	return ready > 0 ? 0 : -ETIMEDOUT;
}

int local_connect(struct local_client **out, const char *path, uint32_t timeout_ms,
		  struct fault *fault)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct local_client *c;
	int ret;

	*out = NULL;
	if (strlen(path) >= sizeof(address.sun_path))
		return fault_set(fault, ENAMETOOLONG, "coordinator-unreachable",
				 "the socket's path is too long: %s", path);
	strcpy(address.sun_path, path);
	c = calloc(1, sizeof(*c));
	if (!c)
		return fault_set(fault, ENOMEM, "out-of-memory", "no memory for a connection");
	strcpy(c->path, path);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0) {
		ret = -errno;
		goto err_free;
	}
	ret = connect_until(c->fd, &address, monotonic_ms() + timeout_ms);
	if (ret == 0)
		ret = check_peer(c->fd);
	if (ret < 0)
		goto err_close;
	*out = c;
	return 0;

err_close:
	close(c->fd);
err_free:
	free(c);
	return fault_set(fault, -ret, "coordinator-unreachable", "no answer at %s: %s", path,
			 strerror(-ret));
}

void local_close(struct local_client *c)
{
	if (!c)
		return;
	close(c->fd);
	free(c->data);
	free(c);
}

static int lost(struct local_client *c, int error, struct fault *fault)
{
	if (error == ETIMEDOUT)
		return fault_set(fault, error, "coordinator-unreachable",
				 "the coordinator did not answer in time (%s)", c->path);
	return fault_set(fault, error, "coordinator-unreachable",
			 "the connection to the coordinator broke: %s (%s)", strerror(error),
			 c->path);
}

int local_send(struct local_client *c, const json_t *request, uint32_t timeout_ms,
	       struct fault *fault)
{
	uint64_t deadline = monotonic_ms() + timeout_ms;
	char *line = json_dumps(request, JSON_COMPACT);
	size_t bytes, sent = 0;
	int ret = 0;

	if (!line)
		return fault_set(fault, ENOMEM, "out-of-memory", "no memory for a request");
	bytes = strlen(line);
	line[bytes] = '\n'; /* in the place of the terminator */
	while (sent < bytes + 1) {
		ssize_t n = send(c->fd, line + sent, bytes + 1 - sent, MSG_NOSIGNAL);

		if (n >= 0) {
			sent += n;
			continue;
		}
		if (errno == EINTR)
			continue;
		ret = errno == EAGAIN ? wait_until(c->fd, POLLOUT, deadline) : -errno;
		if (ret < 0) {
			ret = lost(c, -ret, fault);
			break;
		}
	}
	free(line);
	return ret;
}

/* Reads what has come. 0, -EAGAIN, -ECONNRESET at the end, -EPROTO for an endless line. */
static int read_some(struct local_client *c)
{
	ssize_t n;

	if (c->bytes == c->capacity) {
		size_t capacity = c->capacity ? 2 * c->capacity : 4096;
		char *data;

		if (capacity > 2 * LINE_BYTES)
			return -EPROTO;
		data = realloc(c->data, capacity);
		if (!data)
			return -ENOMEM;
		c->data = data;
		c->capacity = capacity;
	}
	n = recv(c->fd, c->data + c->bytes, c->capacity - c->bytes, 0);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	c->bytes += n;
	return n ? 0 : -ECONNRESET;
}

/* The reason in a failed answer becomes @fault. */
static int failed_answer(const json_t *answer, struct fault *fault)
{
	const json_t *error = json_object_get(answer, "error");
	const char *id = json_string_value(json_object_get(error, "id"));
	const char *text = json_string_value(json_object_get(error, "text"));

	return fault_set(fault, EREMOTEIO, id ? id : "internal", "%s",
			 text ? text : "the coordinator gave no reason");
}

static int take_line(struct local_client *c, size_t line_bytes, json_t **answer,
		     struct fault *fault)
{
	const json_t *ok;

	*answer = json_loadb(c->data, line_bytes, 0, NULL);
	c->bytes -= line_bytes + 1;
	memmove(c->data, c->data + line_bytes + 1, c->bytes);
	if (!json_is_object(*answer)) {
		json_decref(*answer);
		*answer = NULL;
		return fault_set(fault, EPROTO, "internal", "the coordinator's answer is not JSON");
	}
	ok = json_object_get(*answer, "ok");
	if (ok && !json_is_true(ok)) {
		int ret = failed_answer(*answer, fault);

		json_decref(*answer);
		*answer = NULL;
		return ret;
	}
	return 0;
}

/* Without words: the caller may try again. */
static int receive_until(struct local_client *c, uint64_t deadline, size_t *line_bytes)
{
	size_t searched = 0;

	for (;;) {
		char *end = c->bytes > searched ?
			memchr(c->data + searched, '\n', c->bytes - searched) : NULL;
		int ret;

		if (end) {
			*line_bytes = end - c->data;
			return 0;
		}
		searched = c->bytes;
		ret = read_some(c);
		if (ret == -EAGAIN)
			ret = wait_until(c->fd, POLLIN, deadline);
		if (ret < 0)
			return ret;
	}
}

int local_receive(struct local_client *c, uint32_t timeout_ms, json_t **answer,
		  struct fault *fault)
{
	size_t line_bytes;
	int ret = receive_until(c, monotonic_ms() + timeout_ms, &line_bytes);

	*answer = NULL;
	return ret < 0 ? lost(c, -ret, fault) : take_line(c, line_bytes, answer, fault);
}

static int probe(const char *path, struct fault *fault)
{
	struct local_client *second;
	json_t *request;
	int ret = local_connect(&second, path, PROBE_MS, fault);

	if (ret < 0)
		return ret;
	request = json_pack("{s:s}", "op", "status");
	ret = request ? local_request(second, request, PROBE_MS, NULL, fault) : -ENOMEM;
	json_decref(request);
	local_close(second);
	return ret;
}

int local_receive_patiently(struct local_client *c, json_t **answer, struct fault *fault)
{
	size_t line_bytes;
	int ret;

	*answer = NULL;
	for (;;) {
		ret = receive_until(c, monotonic_ms() + PATIENCE_MS, &line_bytes);
		if (ret == 0)
			return take_line(c, line_bytes, answer, fault);
		if (ret != -ETIMEDOUT)
			return lost(c, -ret, fault);
		ret = probe(c->path, fault);
		if (ret < 0)
			return ret;
	}
}

int local_request(struct local_client *c, const json_t *request, uint32_t timeout_ms,
		  json_t **answer, struct fault *fault)
{
	json_t *unused = NULL;
	int ret = local_send(c, request, timeout_ms, fault);

	if (ret == 0)
		ret = local_receive(c, timeout_ms, answer ? answer : &unused, fault);
	else if (answer)
		*answer = NULL;
	json_decref(unused);
	return ret;
}

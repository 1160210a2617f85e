#include "message.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

int message_send(int fd, const struct message *m)
{
	/* Only a failure carries text: the rest is not copied around. */
	size_t bytes = m->type == MESSAGE_FAILED || m->type == MESSAGE_WARNING ?
			       sizeof(*m) : offsetof(struct message, fault);
	int flags = MSG_NOSIGNAL | (m->type == MESSAGE_PROGRESS ? MSG_DONTWAIT : 0);
	ssize_t sent;

	do
		sent = send(fd, m, bytes, flags);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

int message_receive(int fd, struct message *m, int timeout_ms)
{
	struct pollfd waiting = { .fd = fd, .events = POLLIN };
	ssize_t bytes;
	int ready;

	memset(m, 0, sizeof(*m));
	do
		ready = poll(&waiting, 1, timeout_ms);
	while (ready < 0 && errno == EINTR);
	if (ready < 0)
		return -errno;
	if (!ready)
		return -ETIMEDOUT;
	do
		bytes = recv(fd, m, sizeof(*m), 0);
	while (bytes < 0 && errno == EINTR);
	if (bytes < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	return bytes < (ssize_t)offsetof(struct message, fault) ? -EPIPE : 0;
}

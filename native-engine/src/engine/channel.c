#include "channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "../../include/dmtcp_engine.h"

#define RECEIVE_BYTES ((size_t)64 << 10)

int channel_open(struct channel *c, int fd)
{
	struct timeval limit = { .tv_sec = 5 };

	memset(c, 0, sizeof(*c));
	c->fd = fd;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)))
		return -errno;
	return 0;
}

void channel_free(struct channel *c)
{
	free(c->data);
	memset(c, 0, sizeof(*c));
	c->fd = -1;
}

void channel_receive(struct channel *c)
{
	for (;;) {
		ssize_t n;

		if (c->bytes + RECEIVE_BYTES > c->capacity) {
			uint8_t *data = realloc(c->data, 2 * (c->bytes + RECEIVE_BYTES));

			if (!data) {
				c->closed = true;
				return;
			}
			c->data = data;
			c->capacity = 2 * (c->bytes + RECEIVE_BYTES);
		}
		n = recv(c->fd, c->data + c->bytes, RECEIVE_BYTES, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			c->closed = true;
			return;
		}
		c->bytes += n;
		if ((size_t)n < RECEIVE_BYTES)
			return;
	}
}

json_t *channel_next(struct channel *c)
{
	uint32_t length;
	json_t *message;

	if (c->bytes < sizeof(length))
		return NULL;
	memcpy(&length, c->data, sizeof(length));
	if (!length || length > DMTCP_ENGINE_MESSAGE_BYTES) {
		c->closed = true;
		return NULL;
	}
	if (c->bytes - sizeof(length) < length)
		return NULL;
	message = json_loadb((char *)c->data + sizeof(length), length, JSON_ALLOW_NUL, NULL);
	c->bytes -= sizeof(length) + length;
	memmove(c->data, c->data + sizeof(length) + length, c->bytes);
	if (!json_is_object(message)) {
		json_decref(message);
		c->closed = true;
		return NULL;
	}
	return message;
}

bool channel_holds(const struct channel *c, message_test wanted, const void *context)
{
	bool found = false;
	uint32_t length;

	for (size_t at = 0; !found && c->bytes - at >= sizeof(length); at += length) {
		json_t *message;

		memcpy(&length, c->data + at, sizeof(length));
		at += sizeof(length);
		if (c->bytes - at < length)
			break;
		message = json_loadb((char *)c->data + at, length, JSON_ALLOW_NUL, NULL);
		found = message && wanted(message, context);
		json_decref(message);
	}
	return found;
}

static void send_all(struct channel *c, const void *data, size_t bytes)
{
	const char *from = data;

	while (bytes && !c->closed) {
		ssize_t n = send(c->fd, from, bytes, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			c->closed = true; /* EAGAIN: SO_SNDTIMEO has passed */
			return;
		}
		from += n;
		bytes -= n;
	}
}

void channel_send(struct channel *c, json_t *message)
{
	char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
	uint32_t length = text ? strlen(text) : 0;

	json_decref(message);
	if (!text) {
		c->closed = true; /* an answer that cannot be given must not be waited for */
		return;
	}
	send_all(c, &length, sizeof(length));
	send_all(c, text, length);
	free(text);
}

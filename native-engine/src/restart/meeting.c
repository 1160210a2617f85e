/* One connection being made anew between two hosts. */
#include "meeting.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/monotonic.h"
#include "../descriptor/inet_met.h"

#define GREETING_MS 500
#define QUEUE_LIMIT (1ull << 30) /* no kernel holds more in a socket */

struct greeting {
	uint8_t token[MEETING_TOKEN_BYTES];
	uint64_t connection;
};

int meeting_greeted(int fd, const uint8_t token[MEETING_TOKEN_BYTES], uint64_t *connection)
{
	uint64_t deadline = monotonic_ms() + GREETING_MS;
	struct greeting g;
	size_t done = 0;

	while (done < sizeof(g)) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		uint64_t now = monotonic_ms();
		ssize_t n;

		if (now >= deadline || poll(&ready, 1, (int)(deadline - now)) < 0)
			return -ETIMEDOUT;
		n = recv(fd, (uint8_t *)&g + done, sizeof(g) - done, MSG_DONTWAIT);
		if (!n || (n < 0 && errno != EAGAIN))
			return -ECONNRESET;
		if (n > 0)
			done += n;
	}
	*connection = g.connection;
	return memcmp(g.token, token, sizeof(g.token)) ? -EACCES : 0;
}

static void lose(struct meeting *c)
{
	close(c->fd);
	c->fd = -1;
	c->state = MEETING_LOST;
}

void meeting_begin(struct meeting *c, int fd, const uint8_t *token)
{
	const struct inet_payload *h = &c->view.head;
	struct meeting_queue own = { h->queue_bytes, h->urgent_at, h->urgent, 0 };
	struct greeting g = { .connection = c->connection };
	size_t greeting_bytes = token ? sizeof(g) : 0;

	c->fd = fd;
	c->state = MEETING_TALKING;
	c->last_ms = monotonic_ms();
	c->out_bytes = greeting_bytes + sizeof(own) + h->queue_bytes;
	c->out = malloc(c->out_bytes);
	if (!c->out) {
		lose(c);
		return;
	}
	if (token)
		memcpy(g.token, token, sizeof(g.token));
	memcpy(c->out, &g, greeting_bytes);
	memcpy(c->out + greeting_bytes, &own, sizeof(own));
	memcpy(c->out + greeting_bytes + sizeof(own), c->view.queue, h->queue_bytes);
}

static bool heard_all(const struct meeting *c)
{
	return c->in_done >= sizeof(c->theirs) &&
	       c->in_done == sizeof(c->theirs) + c->theirs.bytes;
}

struct pollfd meeting_wants(const struct meeting *c)
{
	return (struct pollfd){
		.fd = c->fd,
		.events = (heard_all(c) ? 0 : POLLIN) | (c->out_done < c->out_bytes ? POLLOUT : 0),
	};
}

/* False: it is lost. */
static bool speak(struct meeting *c)
{
	ssize_t n;

	if (c->out_done == c->out_bytes)
		return true;
	n = send(c->fd, c->out + c->out_done, c->out_bytes - c->out_done,
		 MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0) {
		c->out_done += n;
		c->last_ms = monotonic_ms();
	}
	return n > 0 || errno == EAGAIN;
}

static bool listen_to(struct meeting *c)
{
	size_t head = sizeof(c->theirs);
	ssize_t n;

	if (heard_all(c))
		return true;
	if (c->in_done < head)
		n = recv(c->fd, (uint8_t *)&c->theirs + c->in_done, head - c->in_done,
			 MSG_DONTWAIT);
	else
		n = recv(c->fd, c->in + c->in_done - head, head + c->theirs.bytes - c->in_done,
			 MSG_DONTWAIT);
	if (n <= 0)
		return n && errno == EAGAIN;
	c->in_done += n;
	c->last_ms = monotonic_ms();
	if (c->in_done == head && !c->in) {
		c->in = c->theirs.bytes <= QUEUE_LIMIT ? malloc(c->theirs.bytes + 1) : NULL;
		return c->in != NULL;
	}
	return true;
}

void meeting_turn(struct meeting *c)
{
	if (!speak(c) || !listen_to(c))
		lose(c);
	else if (c->out_done == c->out_bytes && heard_all(c))
		c->state = MEETING_MET;
}

void meeting_limit(struct meeting *all, size_t count, uint32_t limit_ms)
{
	uint64_t now = monotonic_ms();

	for (size_t n = 0; n < count; n++)
		if (all[n].state == MEETING_TALKING && now > all[n].last_ms + limit_ms)
			lose(&all[n]);
}

static int write_all(int fd, const void *data, size_t bytes, uint64_t offset)
{
	while (bytes) {
		ssize_t n = pwrite(fd, data, bytes, (off_t)offset);

		if (n <= 0)
			return n ? -errno : -EIO;
		data = (const uint8_t *)data + n;
		bytes -= n;
		offset += n;
	}
	return 0;
}

int meeting_table(struct meeting *all, size_t count, int **fds, size_t *fd_count)
{
	uint64_t met = 0, at = sizeof(met), data;
	int file, ret = 0;

	for (size_t n = 0; n < count; n++)
		met += all[n].state == MEETING_MET;
	data = at + met * sizeof(struct inet_met);
	*fds = calloc(met + 1, sizeof(**fds));
	if (!*fds)
		return -ENOMEM;
	file = memfd_create("dmtcp_rendezvous", MFD_CLOEXEC);
	if (file < 0)
		return -errno;
	ret = write_all(file, &met, sizeof(met), 0);
	for (size_t n = 0; n < count && !ret; n++) {
		const struct meeting *c = &all[n];
		struct inet_met entry = {
			.connection = c->connection, .fd = c->fd, .urgent = c->theirs.urgent,
			.urgent_at = c->theirs.urgent_at, .offset = data, .bytes = c->theirs.bytes,
		};

		if (c->state != MEETING_MET)
			continue;
		fcntl(c->fd, F_SETFL, 0);
		(*fds)[(*fd_count)++] = c->fd;
		ret = write_all(file, &entry, sizeof(entry), at);
		if (!ret)
			ret = write_all(file, c->in, entry.bytes, data);
		at += sizeof(entry);
		data += entry.bytes;
	}
	(*fds)[(*fd_count)++] = file;
	return ret;
}

void meeting_free(struct meeting *c, bool keep)
{
	if (c->fd >= 0 && !(keep && c->state == MEETING_MET))
		close(c->fd);
	free(c->out);
	free(c->in);
}

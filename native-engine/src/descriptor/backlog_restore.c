/* Clients that had spoken before they were accepted: connected again at a restart. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../resource/records.h"
#include "../restart/rebuild.h"
#include "backlog.h"
#include "file_index.h"
#include "socket_queue.h"

static bool next_of(struct rebuilt_process *p, uint64_t listener, const struct record **at,
		    struct backlog_record *r)
{
	while ((*at = record_find(p->records, RECORD_BACKLOG, *at))) {
		record_head(*at, r, sizeof(*r));
		if (r->listener == listener)
			return true;
	}
	return false;
}

static int send_record(const struct record *record, const struct backlog_record *r, int fd)
{
	struct message_view m;
	size_t bytes, offset = 0;
	const void *data = record_tail(record, sizeof(*r), &bytes);

	while (socket_queue_next(data, bytes, &offset, &m)) {
		ssize_t n = send(fd, m.data, m.head.bytes, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n != (ssize_t)m.head.bytes)
			return n >= 0 || errno == EAGAIN ? -ENOBUFS : -errno;
	}
	if (r->ended && r->client)
		shutdown(fd, SHUT_WR);
	return 0;
}

int backlog_send(struct rebuilt_process *p, uint64_t listener, uint32_t index, int fd)
{
	const struct record *at = NULL;
	struct backlog_record r;

	while (next_of(p, listener, &at, &r))
		if (r.index == index)
			return send_record(at, &r, fd);
	return 0;
}

/* A client that has closed: only what it has said is left. */
static int speak_for(const struct record *at, const struct backlog_record *r,
		     const struct inet_address *to)
{
	int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, ret = 0;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (r->from.bytes)
		bind(fd, &r->from.any, r->from.bytes); /* taken: then from another port */
	if (connect(fd, &to->any, to->bytes))
		ret = -errno;
	if (!ret)
		ret = send_record(at, r, fd);
	close(fd);
	return ret;
}

int backlog_connect(struct rebuilt_process *p, uint64_t listener, int fd)
{
	struct inet_address name = { .bytes = sizeof(name.raw) };
	const struct record *at = NULL;
	struct backlog_record r;
	int ret = 0;

	if (getsockname(fd, &name.any, &name.bytes))
		return -errno;
	/* connect(2) to the wildcard address reaches this host. */
	while (!ret && next_of(p, listener, &at, &r)) {
		int client = r.client ? file_index_open(p, r.client) : -1, flags;

		if (!r.client) {
			ret = speak_for(at, &r, &name);
			continue;
		}
		if (client < 0)
			return client;
		flags = fcntl(client, F_GETFL);
		fcntl(client, F_SETFL, flags & ~O_NONBLOCK);
		if (connect(client, &name.any, name.bytes))
			ret = -errno;
		if (!ret)
			ret = send_record(at, &r, client);
		fcntl(client, F_SETFL, flags);
	}
	return ret;
}

bool backlog_has_client(struct rebuild *r, uint64_t file_id)
{
	for (size_t n = 0; n < r->image_count; n++) {
		const struct record *at = NULL;

		while ((at = record_find(&r->images[n]->records, RECORD_BACKLOG, at))) {
			struct backlog_record record;

			record_head(at, &record, sizeof(record));
			if (record.client == file_id)
				return true;
		}
	}
	return false;
}

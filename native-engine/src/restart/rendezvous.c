/* Connections between hosts at a restart: the front's part. docs/restart-connections.md. */
#include "rendezvous.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../common/array.h"
#include "../commands/fail.h"
#include "../common/json.h"
#include "../descriptor/file_index.h"
#include "../descriptor/inet_socket.h"
#include "../resource/records.h"
#include "meeting.h"
#include "reach.h"
#include "waiting_room.h"

#define RESOLVE_MS 500
#define RESOLVE_BUSY_MS 20 /* while others are talking to us, or are to connect */
#define ASK_EVERY 25 /* turns: has somebody decided to go on without the others? */
#define NAMES_PER_REQUEST 1000
#define TALK_MS 60000 /* without a byte from the other side */
#define TOLD_AFTER 10

struct place { /* where others connect to us: one listener per address family and port */
	int family, fd;
	in_port_t port; /* wanted */
};

struct meeting_point {
	struct meeting *all;
	size_t count, capacity;
	struct place *places;
	size_t place_count, place_capacity;
	uint8_t token[MEETING_TOKEN_BYTES];
	struct coordinator_link *link;
	struct fault *fault;
	unsigned int rounds;
};

/* ---- what the images ask for ---- */

static int compare_meetings(const void *a, const void *b)
{
	const struct meeting *x = a, *y = b;

	return x->connection < y->connection ? -1 : x->connection > y->connection;
}

static int add_file(struct meeting_point *m, const struct record *record)
{
	struct file_view f;
	struct inet_view v;
	struct meeting *more;

	file_view_read(record, &f);
	if (f.head.kind != FILE_INET_SOCKET || !inet_view_read(f.payload, f.bytes, &v) ||
	    v.head.peer != INET_PEER_REMOTE || v.head.state != INET_CONNECTED)
		return 0;
	more = array_grow(m->all, m->count, &m->capacity, sizeof(*more));
	if (!more)
		return -ENOMEM;
	m->all = more;
	more[m->count++] = (struct meeting){
		.connection = v.head.connection, .file = f.head.id, .acceptor = v.head.acceptor,
		.view = v, .fd = -1,
	};
	return 0;
}

/*
 * Each connection once, though several processes may have it; those with both ends here are left
 * to the builder.
 */
static void leave_ours(struct meeting_point *m)
{
	size_t kept = 0;

	if (m->count)
		qsort(m->all, m->count, sizeof(*m->all), compare_meetings);
	for (size_t n = 0, same; n < m->count; n += same) {
		bool both = false;

		for (same = 1; n + same < m->count &&
			       m->all[n + same].connection == m->all[n].connection; same++)
			both |= m->all[n + same].file != m->all[n].file;
		if (!both)
			m->all[kept++] = m->all[n];
	}
	m->count = kept;
}

static int collect(struct meeting_point *m, const struct image_set *set)
{
	int ret = 0;

	for (size_t i = 0; i < set->count && !ret; i++) {
		const struct record *r = NULL;

		while (!ret && (r = record_find(&set->images[i]->records, RECORD_FILE, r)))
			ret = add_file(m, r);
	}
	leave_ours(m);
	return ret;
}

/* ---- to be found ---- */

/* At the port that the program's side had, if it can be had. */
static int open_place(struct place *p)
{
	int on = 1, off = 0, ret;

	p->fd = socket(p->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->fd < 0)
		return -errno;
	setsockopt(p->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (p->family == AF_INET6)
		setsockopt(p->fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if ((reach_bind(p->fd, p->family, p->port) || listen(p->fd, SOMAXCONN)) &&
	    (reach_bind(p->fd, p->family, 0) || listen(p->fd, SOMAXCONN))) {
		ret = -errno;
		close(p->fd);
		p->fd = -1;
		return ret;
	}
	return 0;
}

static struct place *place_for(struct meeting_point *m, const struct meeting *c)
{
	int family = c->view.head.family;
	in_port_t port = inet_port(&c->view.head.local);
	struct place *more;

	for (size_t n = 0; n < m->place_count; n++)
		if (m->places[n].family == family && m->places[n].port == port)
			return &m->places[n];
	more = array_grow(m->places, m->place_count, &m->place_capacity, sizeof(*more));
	if (!more)
		return NULL;
	m->places = more;
	more[m->place_count] = (struct place){ .family = family, .port = port };
	if (open_place(&more[m->place_count]))
		return NULL;
	return &more[m->place_count++];
}

/* `tcp/<connection>`: token, port, addresses. */
static int publish(struct meeting_point *m)
{
	char addresses[800], token[2 * MEETING_TOKEN_BYTES + 1];
	json_t *names = json_array();
	int ret = 0;

	reach_addresses(addresses, sizeof(addresses), false);
	for (size_t n = 0; n < MEETING_TOKEN_BYTES; n++)
		sprintf(token + 2 * n, "%02x", m->token[n]);
	for (size_t n = 0; n < m->count && !ret; n++) {
		struct sockaddr_in6 own;
		socklen_t length = sizeof(own);
		struct place *place;
		char name[40], value[1024];

		if (!m->all[n].acceptor)
			continue;
		place = place_for(m, &m->all[n]);
		if (!place || getsockname(place->fd, (struct sockaddr *)&own, &length)) {
			ret = fault_set(m->fault, ENOMEM, "socket-not-restored",
					"no port for the connections of other hosts");
			break;
		}
		snprintf(name, sizeof(name), "tcp/%llu",
			 (unsigned long long)m->all[n].connection);
		snprintf(value, sizeof(value), "%s %u%s", token, ntohs(own.sin6_port), addresses);
		json_array_append_new(names, json_pack("{s:s, s:s}", "name", name, "value", value));
	}
	if (!ret && json_array_size(names))
		ret = coordinator_link_publish(m->link, names, m->fault);
	json_decref(names);
	return ret;
}

/* ---- to find ---- */

/* The first word of what publish() writes. False: there is no more. */
static bool read_token(const char *value, uint8_t token[MEETING_TOKEN_BYTES])
{
	for (size_t n = 0; n < MEETING_TOKEN_BYTES; n++) {
		unsigned int byte = 0;

		if (sscanf(value + 2 * n, "%2x", &byte) != 1)
			return false;
		token[n] = byte;
	}
	return value[2 * MEETING_TOKEN_BYTES] == ' ';
}

static struct meeting *find(struct meeting_point *m, uint64_t connection)
{
	struct meeting key = { .connection = connection };

	return m->count ? bsearch(&key, m->all, m->count, sizeof(key), compare_meetings) : NULL;
}

struct call {
	struct meeting *to;
	uint8_t token[MEETING_TOKEN_BYTES];
};

/* The other side waits only half a second for the first words: meeting_greeted(). */
static void greet(void *context, int fd)
{
	struct call *c = context;

	meeting_begin(c->to, fd, c->token);
	if (c->to->state == MEETING_TALKING)
		meeting_turn(c->to);
}

/* Who does not answer is asked for again. */
static int call_found(struct meeting_point *m, const json_t *found)
{
	struct reach_call *calls = calloc(json_array_size(found) + 1, sizeof(*calls));
	struct call *all = calloc(json_array_size(found) + 1, sizeof(*all));
	int ret = calls && all ? 0 : -ENOMEM;
	size_t count = 0, n;
	json_t *entry;

	json_array_foreach(found, n, entry) {
		const char *name = json_text(entry, "name", "");
		const char *value = json_text(entry, "value", "");
		struct meeting *to = ret || strncmp(name, "tcp/", 4) ? NULL :
				     find(m, strtoull(name + 4, NULL, 10));

		if (!to || to->state != MEETING_AWAITED || to->acceptor ||
		    !read_token(value, all[count].token))
			continue;
		all[count].to = to;
		calls[count] = (struct reach_call){
			.view = &to->view, .words = value + 2 * MEETING_TOKEN_BYTES + 1,
			.connected = greet, .context = &all[count],
		};
		count++;
	}
	reach_connect(calls, count);
	free(calls);
	free(all);
	return ret;
}

/* Asks for some of those that we must connect to. 1: what is missing will not come. */
static int look_up(struct meeting_point *m, bool busy)
{
	json_t *names = json_array(), *found = NULL;
	size_t n;
	int ret;

	for (n = 0; n < m->count && json_array_size(names) < NAMES_PER_REQUEST; n++) {
		char name[40];

		if (m->all[n].acceptor || m->all[n].state != MEETING_AWAITED)
			continue;
		snprintf(name, sizeof(name), "tcp/%llu",
			 (unsigned long long)m->all[n].connection);
		json_array_append_new(names, json_string(name));
	}
	/* Only others are to connect to us: nobody publishes this name. */
	if (!json_array_size(names))
		json_array_append_new(names, json_string("-"));
	ret = coordinator_link_resolve(m->link, names, busy ? RESOLVE_BUSY_MS : RESOLVE_MS, &found,
				       m->fault);
	if (ret >= 0 && json_array_size(found)) {
		int called = call_found(m, found);

		ret = called < 0 ? called : ret;
	}
	json_decref(found);
	json_decref(names);
	if (++m->rounds == TOLD_AFTER)
		fail_note("dmtcp_restart", "waiting for the connections of other hosts");
	return ret;
}

/* ---- both ---- */

static void accept_all(struct meeting_point *m)
{
	for (size_t n = 0; n < m->place_count; n++) {
		int fd;

		while ((fd = accept4(m->places[n].fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >=
		       0) {
			struct meeting *c = NULL;
			uint64_t connection;

			if (!meeting_greeted(fd, m->token, &connection))
				c = find(m, connection);
			if (c && c->acceptor && c->state == MEETING_AWAITED)
				meeting_begin(c, fd, NULL);
			else
				close(fd);
		}
	}
}

static size_t count_state(const struct meeting_point *m, enum meeting_state state)
{
	size_t count = 0;

	for (size_t n = 0; n < m->count; n++)
		count += m->all[n].state == state;
	return count;
}

/* Lets all conversations go on for a moment. */
static void talk(struct meeting_point *m)
{
	size_t talking = count_state(m, MEETING_TALKING), at = 0;
	struct pollfd *ready = talking ? calloc(talking, sizeof(*ready)) : NULL;

	for (size_t n = 0; ready && n < m->count; n++)
		if (m->all[n].state == MEETING_TALKING)
			ready[at++] = meeting_wants(&m->all[n]);
	if (ready)
		poll(ready, at, 20);
	at = 0;
	for (size_t n = 0; ready && n < m->count; n++)
		if (m->all[n].state == MEETING_TALKING && ready[at++].revents)
			meeting_turn(&m->all[n]);
	free(ready);
}

/* Must we still connect to somebody? */
static bool seeks(const struct meeting_point *m)
{
	for (size_t n = 0; n < m->count; n++)
		if (!m->all[n].acceptor && m->all[n].state == MEETING_AWAITED)
			return true;
	return false;
}

static void await_callers(const struct meeting_point *m)
{
	struct pollfd *ready = calloc(m->place_count + 1, sizeof(*ready));

	for (size_t n = 0; ready && n < m->place_count; n++)
		ready[n] = (struct pollfd){ .fd = m->places[n].fd, .events = POLLIN };
	if (ready)
		poll(ready, m->place_count, RESOLVE_BUSY_MS);
	free(ready);
}

static int meet_all(struct meeting_point *m)
{
	bool alone = false;

	for (unsigned int turn = 1;; turn++) {
		size_t awaited = count_state(m, MEETING_AWAITED);
		size_t talking = count_state(m, MEETING_TALKING);
		int ret;

		if (!talking && (!awaited || alone))
			return 0;
		accept_all(m);
		talk(m);
		meeting_limit(m->all, m->count, TALK_MS);
		if (!awaited || alone)
			continue;
		if (!seeks(m) && turn % ASK_EVERY) {
			if (!talking)
				await_callers(m);
			continue;
		}
		ret = look_up(m, talking || m->place_count);
		if (ret < 0)
			return ret;
		alone = ret > 0;
	}
}

static void close_places(struct meeting_point *m)
{
	for (size_t n = 0; n < m->place_count; n++)
		close(m->places[n].fd);
	free(m->places);
	m->places = NULL;
	m->place_count = 0;
}

static void allow_descriptors(void)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int rendezvous_meet(struct rendezvous *r, const struct image_set *set,
		    struct coordinator_link *link, struct fault *fault)
{
	struct meeting_point m = { .link = link, .fault = fault };
	int ret;

	*r = (struct rendezvous){ 0 };
	allow_descriptors();
	ret = collect(&m, set);
	if (!ret && m.count && getrandom(m.token, sizeof(m.token), 0) != sizeof(m.token))
		ret = -EIO;
	if (!ret && m.count)
		ret = publish(&m);
	if (!ret && m.count)
		ret = meet_all(&m);
	close_places(&m); /* programs may have listeners at the same ports */
	if (!ret)
		ret = waiting_room_meet(set, link, &m.all, &m.count, &m.capacity, fault);
	if (!ret && m.count)
		ret = meeting_table(m.all, m.count, &r->fds, &r->count);
	for (size_t n = 0; n < m.count; n++)
		meeting_free(&m.all[n], !ret);
	free(m.all);
	return ret < 0 ? fault_set(fault, -ret, "socket-not-restored",
				   "connections to other hosts: %s", strerror(-ret)) : 0;
}

void rendezvous_close(struct rendezvous *r)
{
	for (size_t n = 0; n < r->count; n++)
		close(r->fds[n]);
	free(r->fds);
	*r = (struct rendezvous){ 0 };
}

/* Connections between hosts at a restart: the front's part. docs/restart-connections.md. */
#include "rendezvous.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/tcp.h>
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
#include "../common/json.h"
#include "../descriptor/file_index.h"
#include "../descriptor/inet_socket.h"
#include "../resource/records.h"
#include "meeting.h"

#define RESOLVE_MS 500
#define RESOLVE_BUSY_MS 20 /* while others are talking to us, or are to connect */
#define ASK_EVERY 25 /* turns: has somebody decided to go on without the others? */
#define NAMES_PER_REQUEST 1000
#define CONNECT_MS 3000
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

static in_port_t port_of(const struct inet_address *a)
{
	return a->any.sa_family == AF_INET6 ? a->v6.sin6_port : a->v4.sin_port;
}

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

static int bind_any(int fd, int family, in_port_t port)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = port };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = port };

	return family == AF_INET6 ? bind(fd, (struct sockaddr *)&six, sizeof(six)) :
				    bind(fd, (struct sockaddr *)&four, sizeof(four));
}

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
	if ((bind_any(p->fd, p->family, p->port) || listen(p->fd, SOMAXCONN)) &&
	    (bind_any(p->fd, p->family, 0) || listen(p->fd, SOMAXCONN))) {
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
	in_port_t port = port_of(&c->view.head.local);
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

/* The addresses of this host, as words; the loopback ones for a second dmtcp_restart here. */
static void own_addresses(char *out, size_t bytes)
{
	struct ifaddrs *all = NULL, *i;
	size_t used = 0;

	*out = 0;
	if (getifaddrs(&all))
		return;
	for (int loopback = 0; loopback < 2; loopback++) {
		for (i = all; i; i = i->ifa_next) {
			char text[NI_MAXHOST];
			int family = i->ifa_addr ? i->ifa_addr->sa_family : 0;

			if ((family != AF_INET && family != AF_INET6) ||
			    !!(i->ifa_flags & IFF_LOOPBACK) != loopback ||
			    getnameinfo(i->ifa_addr, family == AF_INET6 ? 28 : 16, text,
					sizeof(text), NULL, 0, NI_NUMERICHOST) ||
			    strchr(text, '%') || used + strlen(text) + 2 > bytes)
				continue;
			used += snprintf(out + used, bytes - used, " %s", text);
		}
	}
	freeifaddrs(all);
}

/* `tcp/<connection>`: token, port, addresses. */
static int publish(struct meeting_point *m)
{
	char addresses[800], token[2 * MEETING_TOKEN_BYTES + 1];
	json_t *names = json_array();
	int ret = 0;

	own_addresses(addresses, sizeof(addresses));
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

static int connect_to(const struct meeting *c, const struct sockaddr *to, socklen_t bytes,
		      bool own_port)
{
	const struct inet_payload *h = &c->view.head;
	int fd = socket(h->family, h->type | SOCK_CLOEXEC | SOCK_NONBLOCK, h->protocol), on = 1;
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	socklen_t length = sizeof(int);
	int error = 0;

	if (fd < 0)
		return -errno;
	socket_options_restore(fd, c->view.options, h->options, true);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (own_port && bind(fd, &h->local.any, h->local.bytes))
		bind_any(fd, h->family, port_of(&h->local)); /* else any port */
	if (connect(fd, to, bytes)) {
		error = errno;
		if (error == EINPROGRESS && poll(&ready, 1, CONNECT_MS) > 0)
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
	}
	if (!error)
		return fd;
	close(fd);
	return -error;
}

/* @address as a socket of @family names it. */
static socklen_t make_address(const char *address, in_port_t port, int family,
			      struct sockaddr_in6 *six)
{
	struct sockaddr_in *four = (struct sockaddr_in *)six;
	struct in_addr a;

	memset(six, 0, sizeof(*six));
	if (family == AF_INET) {
		four->sin_family = AF_INET;
		four->sin_port = port;
		return inet_pton(AF_INET, address, &four->sin_addr) == 1 ? sizeof(*four) : 0;
	}
	six->sin6_family = AF_INET6;
	six->sin6_port = port;
	if (inet_pton(AF_INET6, address, &six->sin6_addr) == 1)
		return sizeof(*six);
	if (inet_pton(AF_INET, address, &a) != 1)
		return 0;
	six->sin6_addr.s6_addr[10] = six->sin6_addr.s6_addr[11] = 0xff;
	memcpy(&six->sin6_addr.s6_addr[12], &a, 4);
	return sizeof(*six);
}

/* @value as publish() writes it. False: nobody was there. */
static bool try_connecting(struct meeting *c, const char *value)
{
	char text[1024], *rest = text, *word;
	uint8_t token[MEETING_TOKEN_BYTES];
	in_port_t port;

	snprintf(text, sizeof(text), "%s", value);
	word = strsep(&rest, " ");
	for (size_t n = 0; n < sizeof(token); n++) {
		unsigned int byte = 0;

		sscanf(word + 2 * n, "%2x", &byte);
		token[n] = byte;
	}
	word = strsep(&rest, " ");
	port = htons(word ? atoi(word) : 0);
	while ((word = strsep(&rest, " "))) {
		struct sockaddr_in6 to;
		socklen_t bytes = make_address(word, port, c->view.head.family, &to);
		int fd = bytes ? connect_to(c, (struct sockaddr *)&to, bytes, true) : -1;

		if (bytes && fd < 0) /* its old port may be taken, or in TIME_WAIT */
			fd = connect_to(c, (struct sockaddr *)&to, bytes, false);
		if (fd >= 0) {
			meeting_begin(c, fd, token);
			return true;
		}
	}
	return false;
}

static struct meeting *find(struct meeting_point *m, uint64_t connection)
{
	struct meeting key = { .connection = connection };

	return m->count ? bsearch(&key, m->all, m->count, sizeof(key), compare_meetings) : NULL;
}

/* Asks for some of those that we must connect to. 1: what is missing will not come. */
static int look_up(struct meeting_point *m, bool busy)
{
	json_t *names = json_array(), *found = NULL, *entry;
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
	json_array_foreach(found, n, entry) {
		const char *name = json_text(entry, "name", "");
		struct meeting *c = strncmp(name, "tcp/", 4) ? NULL :
				    find(m, strtoull(name + 4, NULL, 10));

		if (c && c->state == MEETING_AWAITED && !c->acceptor)
			try_connecting(c, json_text(entry, "value", ""));
	}
	json_decref(found);
	json_decref(names);
	if (++m->rounds == TOLD_AFTER)
		fprintf(stderr, "dmtcp_restart: waiting for the connections of other hosts\n");
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
	ret = collect(&m, set);
	if (ret || !m.count)
		goto out;
	allow_descriptors();
	if (getrandom(m.token, sizeof(m.token), 0) != sizeof(m.token))
		ret = -EIO;
	if (!ret)
		ret = publish(&m);
	if (!ret)
		ret = meet_all(&m);
	if (!ret)
		ret = meeting_table(m.all, m.count, &r->fds, &r->count);
out:
	for (size_t n = 0; n < m.place_count; n++)
		close(m.places[n].fd);
	for (size_t n = 0; n < m.count; n++)
		meeting_free(&m.all[n], !ret);
	free(m.places);
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

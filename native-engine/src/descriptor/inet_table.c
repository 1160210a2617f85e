#include "inet_table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/array.h"
#include "backlog.h"
#include "kinds.h"
#include "mptcp.h"
#include "tcp_info.h"

/* An address as IPv6, to compare: IPv4 ones mapped. */
struct plain_address {
	struct in6_addr address;
	in_port_t port;
};

static struct plain_address plain(const struct inet_address *a)
{
	struct plain_address p;

	memset(&p, 0, sizeof(p));
	if (!a->bytes)
		return p;
	if (a->any.sa_family == AF_INET6) {
		p.address = a->v6.sin6_addr;
		p.port = a->v6.sin6_port;
	} else {
		p.address.s6_addr[10] = p.address.s6_addr[11] = 0xff;
		memcpy(&p.address.s6_addr[12], &a->v4.sin_addr, 4);
		p.port = a->v4.sin_port;
	}
	return p;
}

static bool is_wildcard(const struct plain_address *p)
{
	static const uint8_t v4_any[16] = { [10] = 0xff, [11] = 0xff };

	return IN6_IS_ADDR_UNSPECIFIED(&p->address) || !memcmp(&p->address, v4_any, 16);
}

bool inet_same_address(const struct inet_address *a, const struct inet_address *b)
{
	struct plain_address x = plain(a), y = plain(b);

	return a->bytes && b->bytes && !memcmp(&x, &y, sizeof(x));
}

bool inet_is_stream(const struct inet_info *s)
{
	return s->type == SOCK_STREAM;
}

bool inet_has_closed(uint32_t tcp_state)
{
	switch (tcp_state) {
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2:
	case TCP_CLOSING:
	case TCP_LAST_ACK:
	case TCP_TIME_WAIT:
		return true;
	}
	return false;
}

static int option(int fd, int name)
{
	int value = 0;
	socklen_t length = sizeof(value);

	getsockopt(fd, SOL_SOCKET, name, &value, &length);
	return value;
}

static void read_address(int fd, bool own, struct inet_address *a)
{
	socklen_t length = sizeof(a->raw);

	if (!(own ? getsockname : getpeername)(fd, &a->any, &length) && length <= sizeof(a->raw))
		a->bytes = length;
}

static void read_tcp(int fd, struct inet_info *s)
{
	struct tcp_summary info = { 0 };

	if (tcp_info_read(fd, &info))
		return;
	s->tcp_state = s->protocol == IPPROTO_MPTCP ? mptcp_state(fd, info.state) : info.state;
	s->backlog = info.backlog;
	s->bytes_sent = info.bytes_sent;
	s->was_connected = info.state == TCP_CLOSE &&
			   (info.segments_in ||
			    (s->protocol == IPPROTO_MPTCP && mptcp_has_ended(fd)));
	if (s->was_connected)
		s->end = inet_how_ended(fd, s->protocol, info.segments_in);
}

int inet_table_add(struct inet_table *t, int fd, uint64_t inode, struct inventory_entry *entry)
{
	struct inet_info *more = array_grow(t->sockets, t->count, &t->capacity, sizeof(*more)), *s;

	if (!more) {
		close(fd);
		return -ENOMEM;
	}
	t->sockets = more;
	s = &more[t->count++];
	memset(s, 0, sizeof(*s));
	s->entry = entry;
	s->inode = inode;
	s->fd = fd;
	s->family = option(fd, SO_DOMAIN);
	s->type = option(fd, SO_TYPE);
	s->protocol = option(fd, SO_PROTOCOL);
	read_address(fd, true, &s->local);
	read_address(fd, false, &s->remote);
	if (inet_is_stream(s))
		read_tcp(fd, s);
	return 0;
}

static int collect(struct inet_table *t, struct inventory_entry *e, struct fault *fault)
{
	int fd = inventory_borrow(e);

	if (fd < 0)
		return fault_set(fault, -fd, "not-allowed-to-trace",
				 "socket %s cannot be duplicated: %s", e->view.link,
				 strerror(-fd));
	return inet_table_add(t, fd, e->view.status.st_ino, e);
}

static int compare_inodes(const void *a, const void *b)
{
	const struct inet_info *x = a, *y = b;

	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

struct connection { /* local and remote, to sort and to find by */
	int type;
	struct plain_address local, remote;
	struct inet_info *socket;
};

static int compare_connections(const void *a, const void *b)
{
	const struct connection *x = a, *y = b;

	return memcmp(x, y, offsetof(struct connection, socket));
}

static void fill_connection(struct connection *c, const struct inet_info *s, bool mirrored)
{
	memset(c, 0, sizeof(*c));
	c->type = s->type;
	c->local = plain(mirrored ? &s->remote : &s->local);
	c->remote = plain(mirrored ? &s->local : &s->remote);
}

/* Does a connection to it stay on this host? Then a socket can be bound to it. */
static bool is_own(const struct inet_info *client)
{
	struct inet_address to = client->remote;
	struct plain_address near = plain(&client->local), far = plain(&to);
	int fd, ret;

	if (!memcmp(&near.address, &far.address, sizeof(near.address)))
		return true;
	fd = socket(to.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (to.any.sa_family == AF_INET6)
		to.v6.sin6_port = 0;
	else
		to.v4.sin_port = 0;
	ret = fd < 0 ? -1 : bind(fd, &to.any, to.bytes);
	if (fd >= 0)
		close(fd);
	return !ret;
}

/* The member's listener that a client has reached, which is not accepted yet. */
static struct inet_info *find_listener(struct inet_table *t, const struct inet_info *client)
{
	struct plain_address wanted = plain(&client->remote);
	bool four = IN6_IS_ADDR_V4MAPPED(&wanted.address);
	struct inet_info *found = NULL;

	for (size_t n = 0; n < t->count; n++) {
		struct inet_info *s = &t->sockets[n];
		struct plain_address local = plain(&s->local);

		if (!inet_is_stream(s) || s->tcp_state != TCP_LISTEN || local.port != wanted.port ||
		    (s->family == AF_INET && !four))
			continue;
		if (!memcmp(&local.address, &wanted.address, 16))
			return s;
		/* One of IPv4 goes before one of IPv6, which may want nothing else. */
		if (is_wildcard(&local) && (!found || s->family == AF_INET) && is_own(client))
			found = s;
	}
	return found;
}

/* Of the client: the other end is there, if only for the kernel. */
static bool can_wait(uint32_t tcp_state)
{
	return tcp_state == TCP_ESTABLISHED || tcp_state == TCP_FIN_WAIT1 ||
	       tcp_state == TCP_FIN_WAIT2;
}

static int find_pairs(struct inet_table *t)
{
	struct connection *all = calloc(t->count + 1, sizeof(*all)), key, *found;
	size_t count = 0;

	if (!all)
		return -ENOMEM;
	for (size_t n = 0; n < t->count; n++) {
		if (!t->sockets[n].remote.bytes)
			continue;
		fill_connection(&all[count], &t->sockets[n], false);
		all[count++].socket = &t->sockets[n];
	}
	qsort(all, count, sizeof(*all), compare_connections);
	for (size_t n = 0; n < count; n++) {
		struct inet_info *s = all[n].socket;

		fill_connection(&key, s, true);
		found = bsearch(&key, all, count, sizeof(*all), compare_connections);
		if (found)
			s->peer = found->socket;
		else if (inet_is_stream(s) && can_wait(s->tcp_state))
			s->listener = find_listener(t, s);
	}
	for (size_t n = 0; n < t->count; n++) {
		struct inet_info *s = &t->sockets[n];

		/* It has only stopped reading: its peer has not closed. */
		if (s->protocol == IPPROTO_MPTCP && s->tcp_state == TCP_CLOSE_WAIT && s->peer &&
		    !inet_has_closed(s->peer->tcp_state))
			s->tcp_state = TCP_ESTABLISHED;
	}
	free(all);
	return 0;
}

int inet_table_pair(struct inet_table *t)
{
	size_t unique = 0;

	if (t->count)
		qsort(t->sockets, t->count, sizeof(*t->sockets), compare_inodes);
	/* A socket that several processes have is one. */
	for (size_t n = 0; n < t->count; n++) {
		if (unique && t->sockets[unique - 1].inode == t->sockets[n].inode)
			close(t->sockets[n].fd);
		else
			t->sockets[unique++] = t->sockets[n];
	}
	t->count = unique;
	return find_pairs(t);
}

static int compare_keys(const void *a, const void *b)
{
	const struct inet_remote *x = a, *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

void inet_table_mark_remotes(struct inet_table *t, const struct inet_remote *remotes, size_t count)
{
	for (size_t n = 0; count && n < t->count; n++) {
		struct inet_remote key = { .key = t->sockets[n].inode };

		if (t->sockets[n].peer || !inet_is_stream(&t->sockets[n]) ||
		    t->sockets[n].tcp_state == TCP_LISTEN)
			continue;
		t->sockets[n].far = bsearch(&key, remotes, count, sizeof(key), compare_keys);
		if (t->sockets[n].far)
			t->sockets[n].listener = NULL;
	}
}

int inet_table_read(struct round *r, struct inet_table **out, struct fault *fault)
{
	struct inventory *i = r->descriptors;
	struct inet_table *t = calloc(1, sizeof(*t));
	int ret = t ? 0 : -ENOMEM;

	for (size_t n = 0; n < i->count && !ret; n++)
		if (i->entries[n].kind == &inet_socket_kind && i->entries[n].first)
			ret = collect(t, &i->entries[n], fault);
	for (size_t n = 0; n < i->detached_count && !ret; n++)
		if (i->detached[n].kind == &inet_socket_kind)
			ret = collect(t, &i->detached[n], fault);
	if (!ret)
		ret = inet_table_pair(t);
	for (size_t n = 0; n < t->count && !ret; n++)
		t->sockets[n].known = t->sockets[n].listener &&
				      backlog_knows(r, t->sockets[n].listener->inode);
	if (ret) {
		inet_table_free(t);
		return fault_set(fault, -ret, "out-of-memory", "list of sockets");
	}
	*out = t;
	return 0;
}

void inet_table_free(struct inet_table *t)
{
	if (!t)
		return;
	for (size_t n = 0; n < t->count; n++)
		if (t->sockets[n].fd >= 0)
			close(t->sockets[n].fd);
	free(t->sockets);
	free(t);
}

struct inet_info *inet_table_find(struct inet_table *t, uint64_t inode)
{
	struct inet_info key = { .inode = inode };

	return t && t->count ? bsearch(&key, t->sockets, t->count, sizeof(key), compare_inodes) :
			NULL;
}

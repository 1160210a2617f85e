#include "backlog_clients.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../engine/round.h"
#include "kinds.h"
#include "tcp_info.h"
#include "unix_diag.h"

#define NO_ROOM ": its server lets fewer wait now" /* a second listen(2) */

static int refuse(const struct inventory_entry *e, const char *why, struct fault *fault)
{
	return fault_set(fault, EAGAIN, "socket-not-accepted",
			 "process %d: descriptor %d: a client has sent data and has not been "
			 "accepted yet%s", e->process->virtual_pid, e->view.number, why);
}

static int out_of_memory(struct fault *fault)
{
	return fault_set(fault, ENOMEM, "out-of-memory", "clients that wait to be accepted");
}

struct inventory_entry *inventory_inode_first(struct inventory *i, const struct inventory_entry *e)
{
	size_t count;
	struct inventory_entry **all =
		inventory_inode(i, e->view.status.st_dev, e->view.status.st_ino, &count);

	return count ? all[0] : NULL;
}

uint64_t waiting_file_id(struct inventory *i, uint64_t inode)
{
	for (size_t n = 0; n < i->count; n++)
		if (i->entries[n].view.status.st_ino == inode && i->entries[n].view.protocol[0])
			return i->entries[n].file_id;
	return 0;
}

/* An epoll would have to be told of the new socket. */
static bool is_watched(const struct inventory *i, uint64_t inode)
{
	char wanted[32];

	snprintf(wanted, sizeof(wanted), " ino:%llx ", (unsigned long long)inode);
	for (size_t n = 0; n < i->count; n++)
		if (i->entries[n].kind == &epoll_kind && i->entries[n].view.fdinfo &&
		    strstr(i->entries[n].view.fdinfo, wanted))
			return true;
	return false;
}

/* The client with this inode as its process has it. */
static int describe(struct inventory *i, const struct inventory_entry *listener, uint64_t inode,
		    struct waiting_client *w, struct fault *fault)
{
	size_t count;
	struct inventory_entry **e =
		inventory_inode(i, listener->view.status.st_dev, inode, &count);

	w->process = e[0]->process;
	w->flags = e[0]->view.flags;
	w->numbers = calloc(count, sizeof(*w->numbers));
	if (!w->numbers)
		return out_of_memory(fault);
	for (size_t n = 0; n < count; n++) {
		if (e[n]->process != w->process)
			return refuse(listener, ": it is shared by several processes", fault);
		w->numbers[n].number = e[n]->view.number;
		w->numbers[n].close_on_exec = e[n]->view.close_on_exec;
	}
	w->number_count = count;
	if (w->process->seccomp || !process_live_thread(w->process))
		return refuse(listener, ": its process cannot be made to connect again", fault);
	if (is_watched(i, inode))
		return refuse(listener, ": an epoll watches it", fault);
	return 0;
}

/* ---- Unix ---- */

static socklen_t fill_path(struct sockaddr_un *a, const char *path)
{
	if (strlen(path) >= sizeof(a->sun_path))
		return 0;
	a->sun_family = AF_UNIX;
	strcpy(a->sun_path, path);
	return offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1;
}

/* Where members and we find the listener. */
static int read_name(struct waiting_line *line, const struct unix_info *s)
{
	const struct process *p = line->listener->process;
	size_t bytes = strnlen(s->name, s->name_bytes);
	char path[UNIX_NAME_BYTES + 64];
	struct stat status;

	if (s->name_bytes && !s->name[0]) {
		line->inside.sun_family = AF_UNIX;
		memcpy(line->inside.sun_path, s->name, s->name_bytes);
		line->inside_bytes = offsetof(struct sockaddr_un, sun_path) + s->name_bytes;
		line->outside = line->inside;
		line->outside_bytes = line->inside_bytes;
		return 0;
	}
	if (s->name[0] == '/')
		snprintf(path, sizeof(path), "%.*s", (int)bytes, s->name);
	else
		snprintf(path, sizeof(path), "/proc/%d/cwd/%.*s", p->virtual_pid, (int)bytes,
			 s->name);
	line->inside_bytes = fill_path(&line->inside, path);
	snprintf(path, sizeof(path), "/proc/%d/%s%s%.*s", p->live_tid,
		 s->name[0] == '/' ? "root" : "cwd", s->name[0] == '/' ? "" : "/", (int)bytes,
		 s->name);
	line->outside_bytes = fill_path(&line->outside, path);
	if (!line->inside_bytes || !line->outside_bytes || stat(path, &status) ||
	    (uint32_t)status.st_ino != s->file_inode)
		return -ENOENT;
	return 0;
}

static bool has_unread(const struct inventory_entry *e)
{
	int unread = 1, fd = inventory_borrow(e);

	if (fd >= 0) {
		ioctl(fd, SIOCOUTQ, &unread);
		close(fd);
	}
	return unread;
}

static int read_unix(struct round *r, struct waiting_line *line, struct fault *fault)
{
	struct inventory *i = r->descriptors;
	const struct unix_info *s =
		i->unix_sockets ? unix_table_find(i->unix_sockets, line->inode) : NULL;
	const struct inventory_entry *listener = line->listener;
	bool needed = false;
	int ret = 0;

	if (!s || s->state != TCP_LISTEN || !s->waiting_count)
		return 0;
	line->clients = calloc(s->waiting_count, sizeof(*line->clients));
	if (!line->clients)
		return out_of_memory(fault);
	for (size_t n = 0; n < s->waiting_count && !ret; n++) {
		const struct unix_info *client =
			s->waiting[n] ? unix_table_find(i->unix_sockets, s->waiting[n]) : NULL;
		size_t count = 0;
		struct inventory_entry **e = client ?
			inventory_inode(i, listener->view.status.st_dev, s->waiting[n], &count) :
			NULL;

		line->clients[n].accepted = -1;
		needed |= !count || client->shutdown || has_unread(e[0]);
		if (client && !count)
			ret = refuse(listener, ": it is no part of the computation", fault);
		else if (client && client->name_bytes)
			ret = refuse(listener, ": it has a name", fault);
		else if (client)
			ret = describe(i, listener, s->waiting[n], &line->clients[n], fault);
		line->count++;
	}
	if (needed && !ret && read_name(line, s))
		ret = refuse(listener, ": its server has lost its name", fault);
	if (needed && !ret && s->waiting_count > s->backlog + 1ull)
		ret = refuse(listener, NO_ROOM, fault);
	if (!needed || ret) {
		waiting_line_free(line);
		return needed ? ret : 0;
	}
	line->type = s->type;
	return 0;
}

/* ---- TCP ---- */

/* A connection that nobody has and that no member waits on the other end of. */
static bool is_stranger(const struct inet_table *t, const struct inet_info *listener,
			unsigned int port)
{
	for (size_t n = 0; n < t->count; n++) {
		const struct inet_address *a = &t->sockets[n].local;

		if (t->sockets[n].listener == listener &&
		    ntohs(inet_port(a)) == port)
			return false;
	}
	return true;
}

/* The kernel lists what has not been accepted without an inode. */
static bool has_strangers(const struct process *p, const struct inet_table *t,
			  const struct inet_info *listener, const char *file)
{
	unsigned int wanted = ntohs(inet_port(&listener->local));
	char path[48], line[512];
	bool found = false;
	FILE *list;

	snprintf(path, sizeof(path), "/proc/%d/net/%s", p->live_tid, file);
	list = fopen(path, "re");
	while (list && !found && fgets(line, sizeof(line), list)) {
		unsigned int local, remote, state;
		unsigned long inode;

		if (sscanf(line,
			   "%*d: %*[0-9A-F]:%x %*[0-9A-F]:%x %x %*x:%*x %*x:%*x %*x %*u %*u %lu",
			   &local, &remote, &state, &inode) == 4 &&
		    local == wanted && !inode && state == TCP_ESTABLISHED)
			found = is_stranger(t, listener, remote);
	}
	if (list)
		fclose(list);
	return found;
}

/* What the server's queue had no room for is with the client, and would go with its connection. */
static bool holds_unsent(const struct inet_info *s)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	int unsent = 1;

	for (int n = 0; n < ACKNOWLEDGED_MS && !ioctl(s->fd, SIOCOUTQ, &unsent) && unsent; n++)
		nanosleep(&moment, NULL);
	return unsent;
}

static bool has_spoken(const struct inet_info *s)
{
	return s->bytes_sent || inet_has_closed(s->tcp_state);
}

/* Members of other hosts, that have said nothing: who had would have been refused there. */
static size_t count_far(const struct round *r, const struct inet_info *listener)
{
	size_t count = 0;

	for (size_t n = 0; listener && n < r->remote_count; n++)
		count += r->remotes[n].key == listener->inode;
	return count;
}

/* @room: so many clients the server lets wait, and one more. */
static int read_tcp(struct round *r, struct waiting_line *line, uint32_t waiting, uint32_t room,
		    struct fault *fault)
{
	const struct process *p = line->listener->process;
	struct inet_table *t;
	struct inet_info *own;
	bool needed;
	size_t members = 0, far;
	int ret = inet_table_read(r, &t, fault);

	if (ret)
		return ret;
	own = inet_table_find(t, line->inode);
	for (size_t n = 0; n < t->count; n++)
		members += own && t->sockets[n].listener == own;
	far = count_far(r, own);
	needed = own && waiting > members + far;
	for (size_t n = 0; n < t->count && own; n++)
		needed |= t->sockets[n].listener == own && has_spoken(&t->sockets[n]);
	if (needed && far)
		ret = refuse(line->listener, ": clients of other hosts wait there, too", fault);
	else if (needed && has_strangers(p, t, own, own->family == AF_INET ? "tcp" : "tcp6"))
		ret = refuse(line->listener, ": it is no part of the computation", fault);
	if (needed && !ret && waiting > room + 1ull)
		ret = refuse(line->listener, NO_ROOM, fault);
	for (size_t n = 0; n < t->count && needed && !ret; n++)
		if (t->sockets[n].listener == own && holds_unsent(&t->sockets[n]))
			ret = refuse(line->listener, ": more than the server's queue holds", fault);
	if (!needed || ret)
		goto out;
	/* First those that can be, then as many places as there will be. */
	line->clients = calloc(members + waiting, sizeof(*line->clients));
	if (!line->clients) {
		ret = out_of_memory(fault);
		goto out;
	}
	line->candidates = line->clients + waiting;
	for (size_t n = 0; n < waiting; n++)
		line->clients[n].accepted = -1;
	line->count = waiting;
	for (size_t n = 0; n < t->count && !ret; n++) {
		if (t->sockets[n].listener != own)
			continue;
		line->candidates[line->candidate_count].from = t->sockets[n].local;
		ret = describe(r->descriptors, line->listener, t->sockets[n].inode,
			       &line->candidates[line->candidate_count++], fault);
	}
	if (ret)
		waiting_line_free(line);
out:
	inet_table_free(t);
	return ret;
}

void waiting_line_match(struct waiting_line *line)
{
	for (size_t n = 0; n < line->count; n++) {
		struct waiting_client *w = &line->clients[n];

		if (w->accepted < 0)
			continue;
		w->from.bytes = w->to.bytes = sizeof(w->from.raw);
		if (getpeername(w->accepted, &w->from.any, &w->from.bytes))
			w->from.bytes = 0;
		if (getsockname(w->accepted, &w->to.any, &w->to.bytes))
			w->to.bytes = 0;
		for (size_t k = 0; k < line->candidate_count; k++) {
			struct waiting_client *c = &line->candidates[k];

			if (!c->process || !inet_same_address(&c->from, &w->from))
				continue;
			w->process = c->process;
			w->numbers = c->numbers;
			w->number_count = c->number_count;
			w->flags = c->flags;
			c->process = NULL;
			c->numbers = NULL;
		}
	}
}

/* ---- */

int waiting_line_read(struct round *r, struct inventory_entry *e, struct waiting_line *line,
		      struct fault *fault)
{
	struct tcp_summary info = { 0 };
	int fd;

	line->listener = e;
	line->inode = e->view.status.st_ino;
	if (e->kind == &unix_socket_kind) {
		line->family = AF_UNIX;
		return read_unix(r, line, fault);
	}
	fd = inventory_borrow(e);
	if (fd < 0 || tcp_info_read(fd, &info) || info.state != TCP_LISTEN)
		info.waiting = 0;
	if (fd >= 0) {
		socklen_t length = sizeof(line->family);

		getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &line->family, &length);
		close(fd);
	}
	line->type = SOCK_STREAM;
	return info.waiting ? read_tcp(r, line, info.waiting, info.backlog, fault) : 0;
}

void waiting_line_free(struct waiting_line *line)
{
	for (size_t n = 0; n < line->count; n++) {
		free(line->clients[n].numbers);
		buffer_free(&line->clients[n].data);
		buffer_free(&line->clients[n].whole);
	}
	for (size_t n = 0; n < line->candidate_count; n++)
		free(line->candidates[n].numbers);
	free(line->clients);
	line->clients = line->candidates = NULL;
	line->count = line->candidate_count = 0;
}

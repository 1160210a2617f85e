#include "waiting_room.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/array.h"
#include "../common/json.h"
#include "../descriptor/file_index.h"
#include "../descriptor/inet_place.h"
#include "../descriptor/mptcp.h"
#include "../resource/records.h"
#include "reach.h"

#define RESOLVE_MS 500

struct place {
	uint64_t file;
	struct inet_view view;
	bool awaited; /* a client whose listener is still to be found */
};

struct room {
	struct place *listeners, *clients;
	size_t listener_count, listener_capacity, client_count, client_capacity;
	struct meeting **met;
	size_t *met_count, *met_capacity;
};

static int add_place(struct place **list, size_t *count, size_t *capacity, uint64_t file,
		     const struct inet_view *v)
{
	struct place *more;

	for (size_t n = 0; n < *count; n++)
		if ((*list)[n].file == file) /* several processes have it */
			return 0;
	more = array_grow(*list, *count, capacity, sizeof(*more));
	if (!more)
		return -ENOMEM;
	*list = more;
	more[(*count)++] = (struct place){ .file = file, .view = *v, .awaited = true };
	return 0;
}

static int add_file(struct room *m, const struct record *record)
{
	struct file_view f;
	struct inet_view v;

	file_view_read(record, &f);
	if (f.head.kind != FILE_INET_SOCKET || !inet_view_read(f.payload, f.bytes, &v))
		return 0;
	if (inet_waiting_at(&v, 0))
		return add_place(&m->listeners, &m->listener_count, &m->listener_capacity,
				 f.head.id, &v);
	if (v.head.state == INET_WAITING && v.head.peer == INET_PEER_REMOTE)
		return add_place(&m->clients, &m->client_count, &m->client_capacity, f.head.id,
				 &v);
	return 0;
}

static int collect(struct room *m, const struct image_set *set)
{
	int ret = 0;

	for (size_t i = 0; i < set->count && !ret; i++) {
		const struct record *r = NULL;

		while (!ret && (r = record_find(&set->images[i]->records, RECORD_FILE, r)))
			ret = add_file(m, r);
	}
	return ret;
}

static struct place *find_client(struct room *m, uint64_t connection)
{
	for (size_t n = 0; n < m->client_count; n++)
		if (m->clients[n].view.head.connection == connection)
			return &m->clients[n];
	return NULL;
}

static int add_met(struct room *m, uint64_t connection, const struct place *p, int fd)
{
	struct meeting *more = array_grow(*m->met, *m->met_count, m->met_capacity, sizeof(*more));

	if (!more) {
		close(fd);
		return -ENOMEM;
	}
	*m->met = more;
	more[(*m->met_count)++] = (struct meeting){
		.connection = connection, .file = p->file, .view = p->view,
		.state = MEETING_MET, .fd = fd,
	};
	return 0;
}

/* As the program's own, where it was; -errno. */
static int open_listener(const struct inet_view *v)
{
	const struct inet_payload *h = &v->head;
	int fd = mptcp_or_tcp_socket(h->family, h->type | SOCK_CLOEXEC, h->protocol), on = 1, ret;

	if (fd < 0)
		return fd;
	socket_options_restore(fd, v->options, h->options, true);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	ret = inet_bind_here(fd, &h->local);
	if (!ret && !listen(fd, h->backlog))
		return fd;
	ret = ret ? ret : -errno;
	close(fd);
	return ret;
}

/* An IPv4 listener may stand beside it at the same port. */
static bool is_six_only(int fd)
{
	socklen_t length = sizeof(int);
	int only = 0;

	getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &length);
	return only;
}

/* `wait/<connection>`: port, addresses. Nothing else when it could not be opened. */
static int open_one(struct room *m, struct place *p, json_t *names)
{
	char addresses[800], value[1024] = "0";
	int fd = -1;

	for (size_t n = 0; inet_waiting_at(&p->view, n); n++) {
		uint64_t connection = inet_waiting_at(&p->view, n);
		struct place *client = find_client(m, connection);
		char name[40];

		if (client) { /* both here: left to the builder */
			client->awaited = false;
			continue;
		}
		if (fd == -1) {
			fd = open_listener(&p->view);
			reach_addresses(addresses, sizeof(addresses), is_six_only(fd));
			if (fd >= 0)
				snprintf(value, sizeof(value), "%u%s",
					 ntohs(inet_port(&p->view.head.local)), addresses);
		}
		snprintf(name, sizeof(name), "wait/%llu", (unsigned long long)connection);
		json_array_append_new(names, json_pack("{s:s, s:s}", "name", name, "value", value));
	}
	return fd >= 0 ? add_met(m, inet_waiting_at(&p->view, 0), p, fd) : 0;
}

static int connect_found(struct room *m, const json_t *found)
{
	struct reach_call *calls = calloc(json_array_size(found) + 1, sizeof(*calls));
	struct place **clients = calloc(json_array_size(found) + 1, sizeof(*clients));
	size_t count = 0, n;
	json_t *entry;
	int ret = calls && clients ? 0 : -ENOMEM;

	json_array_foreach(found, n, entry) {
		const char *name = json_text(entry, "name", "");
		struct place *p = ret || strncmp(name, "wait/", 5) ? NULL :
				  find_client(m, strtoull(name + 5, NULL, 10));

		if (!p || !p->awaited)
			continue;
		p->awaited = false;
		clients[count] = p;
		calls[count++] = (struct reach_call){
			.view = &p->view, .words = json_text(entry, "value", ""),
		};
	}
	reach_connect(calls, count);
	for (n = 0; n < count; n++) {
		if (calls[n].fd < 0)
			continue;
		if (ret)
			close(calls[n].fd);
		else
			ret = add_met(m, clients[n]->view.head.connection, clients[n], calls[n].fd);
	}
	free(calls);
	free(clients);
	return ret;
}

/* Waits for the listeners of other hosts, as long as somebody still brings them. */
static int connect_clients(struct room *m, struct coordinator_link *link, struct fault *fault)
{
	int ret = 0;

	while (!ret) {
		json_t *names = json_array(), *found = NULL;
		size_t n;

		for (n = 0; n < m->client_count; n++) {
			char name[40];

			if (!m->clients[n].awaited)
				continue;
			snprintf(name, sizeof(name), "wait/%llu",
				 (unsigned long long)m->clients[n].view.head.connection);
			json_array_append_new(names, json_string(name));
			if (json_array_size(names) == 1000) /* coordinator_link_resolve() */
				break;
		}
		if (!json_array_size(names)) {
			json_decref(names);
			return 0;
		}
		ret = coordinator_link_resolve(link, names, RESOLVE_MS, &found, fault);
		if (ret >= 0 && json_array_size(found)) {
			int done = connect_found(m, found);

			ret = done < 0 ? done : ret;
		}
		json_decref(found);
		json_decref(names);
	}
	return ret < 0 ? ret : 0;
}

int waiting_room_meet(const struct image_set *set, struct coordinator_link *link,
		      struct meeting **all, size_t *count, size_t *capacity,
		      struct fault *fault)
{
	struct room m = { .met = all, .met_count = count, .met_capacity = capacity };
	json_t *names = json_array();
	int ret = collect(&m, set);

	for (size_t n = 0; n < m.listener_count && !ret; n++)
		ret = open_one(&m, &m.listeners[n], names);
	if (!ret && json_array_size(names) && link)
		ret = coordinator_link_publish(link, names, fault);
	if (!ret && link)
		ret = connect_clients(&m, link, fault);
	json_decref(names);
	free(m.listeners);
	free(m.clients);
	return ret;
}

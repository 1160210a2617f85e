/* Connections between hosts at a restart: the builder's part. docs/restart-connections.md. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inet_met.h"

/* Apart from the ids of objects, which carry the salt of a host in their high bits. */
#define TABLE_ID 1
#define FIRST_ID 2

struct inet_met_table {
	struct inet_met *all; /* ascending */
	uint64_t count;
};

static int compare(const void *a, const void *b)
{
	const struct inet_met *x = a, *y = b;

	return x->connection < y->connection ? -1 : x->connection > y->connection;
}

static int read_all(int fd, void *data, size_t bytes, uint64_t offset)
{
	while (bytes) {
		ssize_t n = pread(fd, data, bytes, (off_t)offset);

		if (n <= 0)
			return n ? -errno : -ENODATA;
		data = (uint8_t *)data + n;
		bytes -= n;
		offset += n;
	}
	return 0;
}

int inet_met_adopt(struct rebuild *r, int table_fd, struct fault *fault)
{
	struct inet_met_table *t = calloc(1, sizeof(*t));
	int ret = t ? read_all(table_fd, &t->count, sizeof(t->count), 0) : -ENOMEM;

	r->met = t;
	if (!ret && !(t->all = calloc(t->count + 1, sizeof(*t->all))))
		ret = -ENOMEM;
	if (!ret)
		ret = read_all(table_fd, t->all, t->count * sizeof(*t->all), sizeof(t->count));
	if (ret)
		return fault_set(fault, -ret, "socket-not-restored",
				 "the table of connections: %s", strerror(-ret));
	qsort(t->all, t->count, sizeof(*t->all), compare);
	for (uint64_t n = 0; n < t->count && !ret; n++) {
		ret = rebuild_remember(r, FIRST_ID + n, t->all[n].fd, fault);
		t->all[n].fd = rebuild_lookup(r, FIRST_ID + n);
	}
	return ret ? ret : rebuild_remember(r, TABLE_ID, table_fd, fault);
}

void inet_met_free(struct rebuild *r)
{
	if (r->met)
		free(r->met->all);
	free(r->met);
	r->met = NULL;
}

struct inet_met *inet_met_find(struct rebuild *r, uint64_t connection)
{
	struct inet_met key = { .connection = connection };

	return r->met && r->met->count ?
		       bsearch(&key, r->met->all, r->met->count, sizeof(key), compare) : NULL;
}

struct inet_met *inet_met_all(struct rebuild *r, size_t *count)
{
	*count = r->met ? r->met->count : 0;
	return r->met ? r->met->all : NULL;
}

int inet_met_read(struct rebuild *r, const struct inet_met *c, void **data)
{
	int ret;

	*data = malloc(c->bytes + 1);
	if (!*data)
		return -ENOMEM;
	ret = read_all(rebuild_lookup(r, TABLE_ID), *data, c->bytes, c->offset);
	if (ret) {
		free(*data);
		*data = NULL;
	}
	return ret;
}

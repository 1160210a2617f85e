#include "inet_waiting.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/array.h"
#include "inet_socket.h"

struct list {
	struct inet_pair *all;
	size_t count, capacity;
};

/* As /proc/net/tcp and tcp6 write it: words as the processor has them, in hexadecimal. */
static bool parse_address(const char *text, struct inet_address *a)
{
	uint32_t words[4];
	unsigned int port;

	memset(a, 0, sizeof(*a));
	if (strcspn(text, ":") == 8 && sscanf(text, "%8x:%x", &words[0], &port) == 2) {
		a->v4.sin_family = AF_INET;
		a->v4.sin_port = htons(port);
		a->v4.sin_addr.s_addr = words[0];
		a->bytes = sizeof(a->v4);
		return true;
	}
	if (sscanf(text, "%8x%8x%8x%8x:%x", &words[0], &words[1], &words[2], &words[3], &port) != 5)
		return false;
	a->v6.sin6_family = AF_INET6;
	a->v6.sin6_port = htons(port);
	memcpy(&a->v6.sin6_addr, words, sizeof(words));
	a->bytes = sizeof(a->v6);
	return true;
}

static bool reaches(const struct inet_address *local, const struct inet_info *listener)
{
	/* One of IPv4 that an IPv6 listener has is listed with an address mapped into IPv6. */
	if (local->any.sa_family != listener->family)
		return false;
	if (inet_same_address(local, &listener->local))
		return true;
	if (!inet_is_wildcard(&listener->local))
		return false;
	return inet_port(local) == inet_port(&listener->local);
}

/* Whom nobody has accepted has no inode; SYN_RECV: there was no room in the queue. */
static void add_line(struct list *l, const struct inet_info *listener, const char *line)
{
	char local[64], remote[64];
	struct inet_pair found, *more;
	unsigned int state;
	unsigned long inode;

	if (sscanf(line, "%*d: %63s %63s %x %*x:%*x %*x:%*x %*x %*u %*u %lu", local, remote, &state,
		   &inode) != 4 ||
	    inode || (state != TCP_ESTABLISHED && state != TCP_SYN_RECV) ||
	    !parse_address(local, &found.own) || !parse_address(remote, &found.far) ||
	    !reaches(&found.own, listener))
		return;
	more = array_grow(l->all, l->count, &l->capacity, sizeof(*more));
	if (!more)
		return;
	l->all = more;
	more[l->count++] = found;
}

size_t inet_waiting_clients(const struct inet_info *listener, struct inet_pair **clients)
{
	static const char *const files[] = { "tcp", "tcp6" };
	struct list l = { 0 };

	for (size_t n = 0; n < sizeof(files) / sizeof(*files); n++) {
		char path[48], line[512];
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/net/%s",
			 (int)listener->entry->process->live_tid, files[n]);
		f = fopen(path, "re");
		while (f && fgets(line, sizeof(line), f))
			add_line(&l, listener, line);
		if (f)
			fclose(f);
	}
	*clients = l.all;
	return l.count;
}

uint64_t inet_waiting_at(const struct inet_view *v, size_t index)
{
	uint64_t number = 0;

	if (v->head.state == INET_LISTENING && (index + 1) * sizeof(number) <= v->head.queue_bytes)
		memcpy(&number, (const uint8_t *)v->queue + index * sizeof(number), sizeof(number));
	return number;
}

/* getpeername(2) tells the address only when there is a connection. */
void inet_connecting_to(const struct inet_info *s, struct inet_address *far)
{
	const struct process *owner = s->entry ? s->entry->process : NULL;
	char path[48], line[512], remote[64];
	unsigned long long inode;
	unsigned int state;
	FILE *table;

	far->bytes = 0;
	snprintf(path, sizeof(path), "/proc/%d/net/%s", owner ? owner->live_tid : getpid(),
		 s->family == AF_INET6 ? "tcp6" : "tcp");
	table = fopen(path, "re");
	while (table && !far->bytes && fgets(line, sizeof(line), table))
		if (sscanf(line, "%*d: %*s %63s %x %*x:%*x %*x:%*x %*x %*u %*u %llu", remote,
			   &state, &inode) == 3 &&
		    state == TCP_SYN_SENT && inode == s->inode && !parse_address(remote, far))
			far->bytes = 0;
	if (table)
		fclose(table);
}

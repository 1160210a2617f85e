#include "socket_filter.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void add(struct buffer *out, uint32_t *count, enum filter_option name, const void *value,
		uint32_t bytes)
{
	struct socket_option o = { .level = FILTER_LEVEL, .name = name, .bytes = bytes };

	if (bytes)
		memcpy(o.value, value, bytes);
	buffer_append(out, &o, sizeof(o));
	++*count;
}

/* SO_GET_FILTER counts instructions, not bytes (net/core/filter.c, sk_get_filter). */
uint32_t socket_filter_capture(int fd, struct buffer *out)
{
	struct sock_filter instructions[BPF_MAXINSNS];
	socklen_t length = BPF_MAXINSNS;
	uint32_t count = 0;
	int locked = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, instructions, &length) || !length)
		return 0;
	for (socklen_t n = 0; n < length; n++)
		add(out, &count, FILTER_INSTRUCTION, &instructions[n], sizeof(*instructions));
	add(out, &count, FILTER_ATTACH, NULL, 0);
	length = sizeof(locked);
	if (!getsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &locked, &length) && locked)
		add(out, &count, FILTER_LOCK, NULL, 0);
	return count;
}

void socket_filter_restore(int fd, const struct socket_option *o, struct socket_filter *filter)
{
	struct sock_fprog program = { .len = filter->count, .filter = filter->instructions };
	const int on = 1;

	switch (o->name) {
	case FILTER_INSTRUCTION:
		if (!filter->instructions)
			filter->instructions = calloc(BPF_MAXINSNS, sizeof(struct sock_filter));
		if (filter->instructions && filter->count < BPF_MAXINSNS)
			memcpy(&filter->instructions[filter->count++], o->value,
			       sizeof(struct sock_filter));
		return;
	case FILTER_ATTACH:
		setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
		return;
	case FILTER_LOCK:
		setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof(on));
		return;
	}
}

void socket_filter_forget(struct socket_filter *filter)
{
	free(filter->instructions);
	filter->instructions = NULL;
	filter->count = 0;
}

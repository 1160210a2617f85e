/* The classic BPF program that a socket looks at its packets with (SO_ATTACH_FILTER). */
#ifndef SOCKET_FILTER_H
#define SOCKET_FILTER_H

#include <linux/filter.h>

#include "socket_options.h"

/* struct socket_option.level, part of the image format; its name is a number of filter_option */
#define FILTER_LEVEL (-2)

enum filter_option {
	FILTER_INSTRUCTION = 1, /* the next one */
	FILTER_ATTACH = 2,      /* there are no more */
	FILTER_LOCK = 3,        /* it can neither be changed nor taken away */
};

/* Appends the program of @fd, one option per instruction; returns how many. */
uint32_t socket_filter_capture(int fd, struct buffer *out);

struct socket_filter { /* zeroed before the first option */
	struct sock_filter *instructions;
	unsigned int count;
};

/* Does what @o says. */
void socket_filter_restore(int fd, const struct socket_option *o, struct socket_filter *filter);
void socket_filter_forget(struct socket_filter *filter);

#endif

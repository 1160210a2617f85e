/* Options of a socket: those that differ from what a new socket has. */
#ifndef SOCKET_OPTIONS_H
#define SOCKET_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "../common/buffer.h"

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72 /* asm-generic/socket.h, Linux 5.15 */
#endif
#define SOCK_SNDBUF_LOCK 1
#define SOCK_RCVBUF_LOCK 2

#define SOCKET_OPTION_BYTES 16

struct socket_option { /* part of the image format */
	int32_t level, name;
	uint32_t bytes;
	uint32_t early; /* must be set before bind(2), connect(2) or listen(2) */
	uint8_t value[SOCKET_OPTION_BYTES];
};

/* Appends the options of @fd (of this address family and type) to @out; returns how many. */
uint32_t socket_options_capture(int fd, int family, int type, struct buffer *out);
/* Sets those that are @early, or the others. What the kernel refuses here stays as it is. */
void socket_options_restore(int fd, const struct socket_option *options, uint32_t count,
		bool early);

#endif

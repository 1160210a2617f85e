/*
 * TCP sockets whose connection is over (TCP_CLOSE): what the program has yet to read of it, or to be
 * told.
 */
#ifndef INET_ENDED_H
#define INET_ENDED_H

#include <stdint.h>

enum inet_end {
	INET_END_NONE,    /* nothing is left of it, or there has been none */
	INET_END_CLOSED,  /* by both sides: unread data, then the end of file */
	INET_END_RESET,   /* unread data, then ECONNRESET, which has not been told */
	INET_END_REFUSED, /* connect(2) has failed with ECONNREFUSED, which has not been told */
};

/* Of @fd, which is in TCP_CLOSE, after that many segments. Takes nothing, not even the error. */
enum inet_end inet_how_ended(int fd, int protocol, uint32_t segments_in);
/* Makes the fresh socket @fd one that was refused; -errno. */
int inet_be_refused(int fd, int family);

#endif

/* What TCP_INFO tells of a socket. */
#ifndef TCP_INFO_SUMMARY_H
#define TCP_INFO_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct tcp_summary {
	uint32_t state;      /* TCP_ESTABLISHED, ... */
	uint32_t backlog;    /* of a listener */
	uint32_t waiting;    /* of a listener: clients that it has not accepted */
	uint64_t bytes_sent, bytes_received; /* ever */
	uint32_t segments_in; /* ever: 0 before it is connected */
};

/* 0, or -1 when it is no TCP socket. */
int tcp_info_read(int fd, struct tcp_summary *out);
/* What the peer has last been offered and may not have used yet; -1: the kernel does not tell. */
int64_t tcp_info_window(int fd);
/* All connections of this kernel together have more than tcp_mem: what is sent may be dropped. */
bool tcp_memory_is_short(void);
/* By what tcp_mem and sockstat say; NULL, as in a container that may not see one: nobody knows. */
bool tcp_memory_exceeds(FILE *limits, FILE *now);

#endif

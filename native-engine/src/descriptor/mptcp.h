/*
 * Multipath TCP (linux/Documentation/networking/mptcp.rst): TCP sockets whose protocol is another.
 * What the kernel says of such a one is what its first path says, and both ends of a half-closed
 * connection go on as established there.
 */
#ifndef MPTCP_H
#define MPTCP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* As socket(2), but plain TCP where this kernel has no MPTCP or has it off. -errno. */
int mptcp_or_tcp_socket(int family, int type, int protocol);
/* The state (TCP_ESTABLISHED...) of the whole connection @fd, whose first path is in @tcp_state. */
uint32_t mptcp_state(int fd, uint32_t tcp_state);
/* Was the closed socket @fd connected? Its paths are gone, and with them what they had counted. */
bool mptcp_has_ended(int fd);

#endif

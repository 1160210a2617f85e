#include "mptcp.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>

int mptcp_or_tcp_socket(int family, int type, int protocol)
{
	int fd = socket(family, type, protocol);

	if (fd < 0 && protocol == IPPROTO_MPTCP &&
	    (errno == EPROTONOSUPPORT || errno == ENOPROTOOPT || errno == EINVAL))
		fd = socket(family, type, IPPROTO_TCP);
	return fd < 0 ? -errno : fd;
}

/* Nothing is sent: mptcp_sendmsg() in net/mptcp/protocol.c looks at that first. */
static bool has_shut(int fd)
{
	return send(fd, NULL, 0, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EPIPE;
}

uint32_t mptcp_state(int fd, uint32_t tcp_state)
{
	struct pollfd ready = { .fd = fd, .events = POLLRDHUP };

	/* An error is told once: a call that finds it would take it. */
	if (tcp_state != TCP_ESTABLISHED || poll(&ready, 1, 0) < 0 || ready.revents & POLLERR)
		return tcp_state;
	if (!has_shut(fd))
		return ready.revents & POLLRDHUP ? TCP_CLOSE_WAIT : TCP_ESTABLISHED;
	return ready.revents & POLLRDHUP ? TCP_TIME_WAIT : TCP_FIN_WAIT2;
}

bool mptcp_has_ended(int fd)
{
	struct pollfd state = { .fd = fd, .events = POLLRDHUP };

	return poll(&state, 1, 0) == 1 && state.revents & POLLRDHUP;
}

#include "inet_ended.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "inet_address.h"
#include "mptcp.h"

/* What an answer that refuses comes to; an established connection had an answer before its end. */
#define SEGMENTS_OF_REFUSAL 1
#define REFUSED_MS 1000 /* over the loopback device */

/* The end of the data of MPTCP counts as a byte. */
static bool has_unread(int fd, int protocol)
{
	int bytes = 0;

	return !ioctl(fd, SIOCINQ, &bytes) && bytes > (protocol == IPPROTO_MPTCP);
}

enum inet_end inet_how_ended(int fd, int protocol, uint32_t segments_in)
{
	struct pollfd state = { .fd = fd, .events = POLLRDHUP };

	/* tcp_done() in net/ipv4/tcp.c shuts both ways; a fresh socket is not shut. */
	if (poll(&state, 1, 0) != 1 || !(state.revents & POLLRDHUP))
		return INET_END_NONE;
	if (protocol == IPPROTO_MPTCP)
		return !(state.revents & POLLERR) && has_unread(fd, protocol) ? INET_END_CLOSED :
										INET_END_NONE;
	if (segments_in > SEGMENTS_OF_REFUSAL)
		return state.revents & POLLERR ? INET_END_RESET : INET_END_CLOSED;
	return segments_in && state.revents & POLLERR ? INET_END_REFUSED : INET_END_NONE;
}

/* A port that nobody listens at, as long as the descriptor is open. */
static int open_deaf(int family, struct inet_address *a)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	a->any.sa_family = family;
	a->bytes = family == AF_INET6 ? sizeof(a->v6) : sizeof(a->v4);
	inet_make_loopback(a);
	if (!bind(fd, &a->any, a->bytes) && !getsockname(fd, &a->any, &a->bytes))
		return fd;
	close(fd);
	return -EADDRNOTAVAIL;
}

int inet_be_refused(int fd, int family)
{
	struct inet_address deaf = { 0 };
	struct pollfd state = { .fd = fd };
	int there = open_deaf(family, &deaf), flags, ret = 0;

	if (there < 0)
		return there;
	flags = fcntl(fd, F_GETFL);
	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	/* The answer finds the socket in use by this call, which so never returns it. */
	if (connect(fd, &deaf.any, deaf.bytes) && errno != EINPROGRESS)
		ret = -errno;
	if (!ret && poll(&state, 1, REFUSED_MS) != 1)
		ret = -ETIMEDOUT;
	fcntl(fd, F_SETFL, flags);
	close(there);
	return ret;
}

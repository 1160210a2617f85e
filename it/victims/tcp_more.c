/*
 * victim: TCP: congestion control, segment size, fast open, time-outs, sizes of buffers
 * category: sockets
 * scenarios: cycles twice
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "victim.h"

static const struct option {
	int level, name, value;
} options[] = {
	{ IPPROTO_TCP, TCP_USER_TIMEOUT, 12345 }, { IPPROTO_TCP, TCP_MAXSEG, 900 },
	{ IPPROTO_TCP, TCP_KEEPIDLE, 61 },	  { IPPROTO_TCP, TCP_KEEPINTVL, 13 },
	{ IPPROTO_TCP, TCP_KEEPCNT, 4 },	  { IPPROTO_TCP, TCP_SYNCNT, 3 },
	{ IPPROTO_TCP, TCP_LINGER2, 17 },	  { IPPROTO_TCP, TCP_WINDOW_CLAMP, 40000 },
	{ IPPROTO_TCP, TCP_NOTSENT_LOWAT, 5000 }, { IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 1 },
	{ IPPROTO_TCP, TCP_FASTOPEN, 7 },	  { IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1 },
	{ IPPROTO_TCP, TCP_QUICKACK, 0 },	  { IPPROTO_TCP, TCP_CORK, 1 },
	{ SOL_SOCKET, SO_SNDBUF, 30000 },	  { SOL_SOCKET, SO_RCVBUF, 50000 },
	{ SOL_SOCKET, SO_RCVLOWAT, 3 },		  { SOL_SOCKET, SO_OOBINLINE, 1 },
	{ SOL_SOCKET, SO_BUSY_POLL, 0 },	  { SOL_SOCKET, SO_DONTROUTE, 1 },
	{ SOL_SOCKET, SO_INCOMING_CPU, 1 },	  { SOL_SOCKET, SO_MARK, 5 },
	{ IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1 }, { IPPROTO_IP, IP_TRANSPARENT, 1 },
	{ IPPROTO_TCP, 37 /* TCP_TX_DELAY */, 10 }, { SOL_SOCKET, SO_LINGER, 0 },
	{ SOL_SOCKET, 72 /* SO_BUF_LOCK */, 0 },
};

#define OPTIONS (sizeof(options) / sizeof(options[0]))
static int fds[4], values[4][OPTIONS];
static struct linger linger = { 1, 23 };
static char control[16];

static int value_of(int fd, const struct option *o)
{
	int value[2] = { 0 };
	socklen_t length = sizeof(value);

	return getsockopt(fd, o->level, o->name, value, &length) ? -1 : value[0] + 1000 * value[1];
}

/* Of a connection these tell of its device and its window. */
static bool kept(int socket_number, const struct option *o)
{
	return (o->name != TCP_WINDOW_CLAMP && o->name != SO_INCOMING_CPU) || socket_number == 0 ||
	       socket_number == 2;
}

static void check(void)
{
	char name[16] = "";
	socklen_t length = sizeof(name);

	for (int n = 0; n < 4; n++)
		for (size_t k = 0; k < OPTIONS; k++)
			if (kept(n, &options[k]) && value_of(fds[n], &options[k]) != values[n][k])
				victim_bad("socket %d: option %d %d was %d and is %d", n,
					   options[k].level, options[k].name, values[n][k],
					   value_of(fds[n], &options[k]));
	for (int n = 0; n < 4; n++) {
		victim_check(!getsockopt(fds[n], IPPROTO_TCP, TCP_CONGESTION, name, &length));
		victim_check(!strcmp(name, control));
	}
}

int main(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	int off = 0;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int n = 0; n < 3; n++) {
		fds[n] = socket(AF_INET, SOCK_STREAM, 0);
		for (size_t k = 0; k < OPTIONS; k++)
			if (options[k].value)
				setsockopt(fds[n], options[k].level, options[k].name,
					   &options[k].value, sizeof(int));
		setsockopt(fds[n], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
		if (setsockopt(fds[n], IPPROTO_TCP, TCP_CONGESTION, "reno", 4))
			victim_unavailable("reno: %s", strerror(errno));
	}
	victim_check(!bind(fds[0], (struct sockaddr *)&address, length) && !listen(fds[0], 3));
	victim_check(!getsockname(fds[0], (struct sockaddr *)&address, &length));
	setsockopt(fds[1], IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &off, sizeof(off));
	victim_check(!connect(fds[1], (struct sockaddr *)&address, length));
	fds[3] = accept(fds[0], NULL, NULL);
	victim_check(fds[3] >= 0);
	length = sizeof(control);
	victim_check(!getsockopt(fds[0], IPPROTO_TCP, TCP_CONGESTION, control, &length));
	for (int n = 0; n < 4; n++)
		for (size_t k = 0; k < OPTIONS; k++)
			values[n][k] = kept(n, &options[k]) ? value_of(fds[n], &options[k]) : 0;
	return victim_run(check);
}

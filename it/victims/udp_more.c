/*
 * victim: UDP: IPv4 in IPv6, connected to itself, unread error, UDP-Lite, two at one port
 * category: sockets
 * scenarios: cycles twice
 * remark: the error that an unreachable peer has caused is lost in a restart
 */
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include "victim.h"

static int mapped, self, loose, failed, group, lite, lite_peer, twin[2];
static struct sockaddr_in6 mapped_name;
static struct sockaddr_in self_name, loose_name, lite_name, twin_name;

static void same(int fd, void *name, socklen_t length)
{
	char now[64] = { 0 };
	socklen_t n = sizeof(now);

	victim_check(!getsockname(fd, (struct sockaddr *)now, &n));
	victim_check(n == length && !memcmp(now, name, length));
}

static int value(int fd, int level, int name)
{
	int v = -1;
	socklen_t length = sizeof(v);

	victim_check(!getsockopt(fd, level, name, &v, &length));
	return v;
}

static void check(void)
{
	char text[16];
	struct sockaddr_in peer;
	socklen_t length = sizeof(peer);

	same(mapped, &mapped_name, sizeof(mapped_name));
	same(self, &self_name, sizeof(self_name));
	same(loose, &loose_name, sizeof(loose_name));
	same(twin[0], &twin_name, sizeof(twin_name));
	same(twin[1], &twin_name, sizeof(twin_name));
	victim_check(getpeername(loose, (struct sockaddr *)&peer, &length) < 0);
	victim_check(errno == ENOTCONN);
	victim_check(send(self, "self", 4, 0) == 4 && recv(self, text, 16, MSG_DONTWAIT) == 4);
	victim_check(send(mapped, "mapped", 6, 0) == 6);
	victim_check(recv(loose, text, 16, MSG_DONTWAIT) == 6);
	victim_check(!memcmp(text, "mapped", 6));
	if (lite >= 0) {
		victim_check(value(lite, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_UDPLITE);
		victim_check(value(lite, IPPROTO_UDPLITE, 10) == 20); /* UDPLITE_SEND_CSCOV */
		victim_check(sendto(lite_peer, "lite", 4, 0, (struct sockaddr *)&lite_name,
				    sizeof(lite_name)) == 4);
		victim_check(recv(lite, text, 16, 0) == 4);
	}
}

static void finish(void)
{
	char text[16];

	victim_check(recv(failed, text, 16, MSG_DONTWAIT) < 0);
	victim_check(errno == ECONNREFUSED || errno == EAGAIN);
}

int main(void)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET }, none = { .sin_family = AF_UNSPEC };
	struct sockaddr_in gone = { .sin_family = AF_INET };
	struct ip_mreq_source source = { 0 };
	socklen_t length = sizeof(four), length6 = sizeof(six);
	int on = 1, coverage = 20, result;

	four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	loose = socket(AF_INET, SOCK_DGRAM, 0);
	victim_check(!bind(loose, (struct sockaddr *)&four, length));
	victim_check(!getsockname(loose, (struct sockaddr *)&loose_name, &length));
	self = socket(AF_INET, SOCK_DGRAM, 0);
	victim_check(!bind(self, (struct sockaddr *)&four, length));
	victim_check(!getsockname(self, (struct sockaddr *)&self_name, &length));
	victim_check(!connect(loose, (struct sockaddr *)&self_name, length));
	victim_check(!connect(loose, (struct sockaddr *)&none, length));
	victim_check(!getsockname(loose, (struct sockaddr *)&loose_name, &length));
	if (!loose_name.sin_port) { /* a port that the kernel had chosen is given back */
		victim_check(!bind(loose, (struct sockaddr *)&four, length));
		victim_check(!getsockname(loose, (struct sockaddr *)&loose_name, &length));
	}
	victim_check(!connect(self, (struct sockaddr *)&self_name, length));
	mapped = socket(AF_INET6, SOCK_DGRAM, 0);
	six.sin6_addr.s6_addr[10] = six.sin6_addr.s6_addr[11] = 0xff;
	memcpy(&six.sin6_addr.s6_addr[12], &loose_name.sin_addr, 4);
	six.sin6_port = loose_name.sin_port;
	victim_check(!connect(mapped, (struct sockaddr *)&six, sizeof(six)));
	victim_check(!getsockname(mapped, (struct sockaddr *)&mapped_name, &length6));
	failed = socket(AF_INET, SOCK_DGRAM, 0);
	group = socket(AF_INET, SOCK_DGRAM, 0);
	victim_check(!bind(group, (struct sockaddr *)&four, length));
	length = sizeof(gone);
	victim_check(!getsockname(group, (struct sockaddr *)&gone, &length));
	close(group);
	victim_check(!connect(failed, (struct sockaddr *)&gone, length));
	victim_check(send(failed, "x", 1, 0) == 1);
	group = socket(AF_INET, SOCK_DGRAM, 0);
	source.imr_multiaddr.s_addr = htonl(0xef010203);
	source.imr_sourceaddr.s_addr = source.imr_interface.s_addr = htonl(INADDR_LOOPBACK);
	if (setsockopt(group, IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, &source, sizeof(source)))
		victim_unavailable("source group: %s", strerror(errno));
	for (int i = 0; i < 2; i++) {
		twin[i] = socket(AF_INET, SOCK_DGRAM, 0);
		setsockopt(twin[i], SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		victim_check(!bind(twin[i], (struct sockaddr *)(i ? &twin_name : &four), length));
		victim_check(!getsockname(twin[i], (struct sockaddr *)&twin_name, &length));
	}
	lite = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE);
	if (lite >= 0) {
		victim_check(!bind(lite, (struct sockaddr *)&four, length));
		victim_check(!getsockname(lite, (struct sockaddr *)&lite_name, &length));
		victim_check(!setsockopt(lite, IPPROTO_UDPLITE, 10, &coverage, sizeof(coverage)));
		lite_peer = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE);
	}
	result = victim_run(check);
	finish();
	return result;
}

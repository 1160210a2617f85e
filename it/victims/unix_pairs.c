/*
 * victim: socketpairs of all three types with queued messages
 * category: sockets
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "victim.h"

static int stream[2], datagram[2], packets[2];

static void expect(int fd, const char *text)
{
	char data[64];
	ssize_t n = recv(fd, data, sizeof(data), MSG_DONTWAIT);

	victim_check(n == (ssize_t)strlen(text) && !memcmp(data, text, n));
}

static void say(int fd, const char *text)
{
	victim_check(send(fd, text, strlen(text), MSG_DONTWAIT) == (ssize_t)strlen(text));
}

static void check(void)
{
	int size = 0;
	socklen_t length = sizeof(size);

	expect(stream[0], "to zero");
	expect(stream[1], "to one");
	say(stream[1], "to zero");
	say(stream[0], "to one");
	expect(datagram[0], "first");
	expect(datagram[0], "");
	expect(datagram[0], "third");
	say(datagram[1], "first");
	say(datagram[1], "");
	say(datagram[1], "third");
	expect(packets[1], "packet");
	expect(packets[1], "another");
	say(packets[0], "packet");
	say(packets[0], "another");
	victim_check(fcntl(stream[0], F_GETFL) & O_NONBLOCK && !(fcntl(stream[1], F_GETFL) & O_NONBLOCK));
	victim_check(!getsockopt(stream[0], SOL_SOCKET, SO_SNDBUF, &size, &length) && size == 100000);
}

int main(void)
{
	int size = 50000;

	victim_check(!socketpair(AF_UNIX, SOCK_STREAM, 0, stream));
	victim_check(!socketpair(AF_UNIX, SOCK_DGRAM, 0, datagram));
	victim_check(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, packets));
	victim_check(!fcntl(stream[0], F_SETFL, O_NONBLOCK));
	victim_check(!setsockopt(stream[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
	say(stream[1], "to zero");
	say(stream[0], "to one");
	say(datagram[1], "first");
	say(datagram[1], "");
	say(datagram[1], "third");
	say(packets[0], "packet");
	say(packets[0], "another");
	return victim_run(check);
}

/*
 * victim: UDP over loopback: queued datagrams with senders, empty ones, connected, IPv6
 * category: sockets
 */
#include <netinet/in.h>
#include <sys/socket.h>

#include "victim.h"

static int receiver, sender, connected, six, six_peer;
static struct sockaddr_in receiver_address, sender_address, connected_address;

static int open_bound(struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	*address = (struct sockaddr_in){ .sin_family = AF_INET };
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	victim_check(fd >= 0 && !bind(fd, (struct sockaddr *)address, sizeof(*address)));
	victim_check(!getsockname(fd, (struct sockaddr *)address, &length));
	return fd;
}

static void expect(const char *text, const struct sockaddr_in *from)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	char data[64];
	ssize_t n = recvfrom(receiver, data, sizeof(data), MSG_DONTWAIT, (struct sockaddr *)&address,
			     &length);

	victim_check(n == (ssize_t)strlen(text) && !memcmp(data, text, n));
	victim_check(address.sin_port == from->sin_port);
}

static void send_all(void)
{
	victim_check(sendto(sender, "one", 3, 0, (struct sockaddr *)&receiver_address,
			    sizeof(receiver_address)) == 3);
	victim_check(send(connected, "", 0, 0) == 0);
	victim_check(send(connected, "three", 5, 0) == 5);
	victim_check(send(six, "six", 3, 0) == 3);
}

static void check(void)
{
	char data[16];

	expect("one", &sender_address);
	expect("", &connected_address);
	expect("three", &connected_address);
	victim_check(recv(six_peer, data, sizeof(data), MSG_DONTWAIT) == 3);
	send_all();
}

int main(void)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT }, b = a;
	socklen_t length = sizeof(a);

	receiver = open_bound(&receiver_address);
	sender = open_bound(&sender_address);
	connected = open_bound(&connected_address);
	victim_check(!connect(connected, (struct sockaddr *)&receiver_address,
			      sizeof(receiver_address)));
	six = socket(AF_INET6, SOCK_DGRAM, 0);
	six_peer = socket(AF_INET6, SOCK_DGRAM, 0);
	victim_check(!bind(six, (struct sockaddr *)&a, sizeof(a)));
	victim_check(!bind(six_peer, (struct sockaddr *)&b, sizeof(b)));
	victim_check(!getsockname(six, (struct sockaddr *)&a, &length));
	victim_check(!getsockname(six_peer, (struct sockaddr *)&b, &length));
	victim_check(!connect(six, (struct sockaddr *)&b, sizeof(b)));
	victim_check(!connect(six_peer, (struct sockaddr *)&a, sizeof(a)));
	send_all();
	return victim_run(check);
}

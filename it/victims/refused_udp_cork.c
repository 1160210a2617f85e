/*
 * victim: a datagram that is still being put together (UDP_CORK, MSG_MORE)
 * category: sockets
 * refused: holds back the beginning of a datagram
 */
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include "victim.h"

static int corked, receiver;

static void check(void)
{
	char data[16];

	victim_check(recv(receiver, data, sizeof(data), MSG_DONTWAIT) < 0 && errno == EAGAIN);
}

int main(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	char data[16];

	receiver = socket(AF_INET, SOCK_DGRAM, 0);
	victim_check(!bind(receiver, (struct sockaddr *)&address, length));
	victim_check(!getsockname(receiver, (struct sockaddr *)&address, &length));
	corked = socket(AF_INET, SOCK_DGRAM, 0);
	victim_check(!connect(corked, (struct sockaddr *)&address, length));
	victim_check(send(corked, "first", 5, MSG_MORE) == 5);
	victim_ready();
	do
		check();
	while (victim_tick());
	victim_check(send(corked, " last", 5, 0) == 5);
	victim_check(recv(receiver, data, sizeof(data), 0) == 10 && !memcmp(data, "first last", 10));
	return victim_ok();
}

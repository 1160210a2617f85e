/*
 * victim: named Unix datagram sockets: queue with senders, connected, senders that have gone
 * category: sockets
 */
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "victim.h"

static int receiver, sender, connected;

static struct sockaddr_un named(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strcpy(address.sun_path, name);
	return address;
}

static int open_named(const char *name)
{
	struct sockaddr_un address = named(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	victim_check(fd >= 0 && (!name[0] || !bind(fd, (struct sockaddr *)&address, sizeof(address))));
	return fd;
}

static void expect(const char *text, const char *from)
{
	struct sockaddr_un address = { 0 };
	socklen_t length = sizeof(address);
	char data[64];
	ssize_t n = recvfrom(receiver, data, sizeof(data), MSG_DONTWAIT, (struct sockaddr *)&address,
			     &length);

	victim_check(n == (ssize_t)strlen(text) && !memcmp(data, text, n));
	if (from)
		victim_check(!strcmp(address.sun_path, from));
	else
		victim_check(length == 0 || length == offsetof(struct sockaddr_un, sun_path));
}

static void send_all(void)
{
	struct sockaddr_un to = named("receiver");
	int short_lived = open_named("short-lived"), nameless = socket(AF_UNIX, SOCK_DGRAM, 0);

	victim_check(sendto(sender, "one", 3, 0, (struct sockaddr *)&to, sizeof(to)) == 3);
	victim_check(send(connected, "two", 3, 0) == 3);
	victim_check(sendto(short_lived, "three", 5, 0, (struct sockaddr *)&to, sizeof(to)) == 5);
	victim_check(sendto(nameless, "four", 4, 0, (struct sockaddr *)&to, sizeof(to)) == 4);
	close(short_lived);
	close(nameless);
	unlink("short-lived");
}

static void check(void)
{
	expect("one", "sender");
	expect("two", "connected");
	expect("three", "short-lived");
	expect("four", NULL);
	send_all();
}

int main(void)
{
	struct sockaddr_un to = named("receiver");

	receiver = open_named("receiver");
	sender = open_named("sender");
	connected = open_named("connected");
	victim_check(!connect(connected, (struct sockaddr *)&to, sizeof(to)));
	send_all();
	return victim_run(check);
}

/*
 * victim: empty messages that stay in Unix sockets over several checkpoints of one run
 * category: sockets
 * scenarios: twice
 */
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "victim.h"

#define MESSAGES 6

static const char *const texts[MESSAGES] = { "", "one", "", "", "four", "" };
static int datagrams[2], packets[2], receiver, named;

static void send_all(int fd)
{
	for (int n = 0; n < MESSAGES; n++)
		victim_check(send(fd, texts[n], strlen(texts[n]), 0) == (ssize_t)strlen(texts[n]));
}

static struct sockaddr_un address_of(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strcpy(address.sun_path, name);
	return address;
}

static int open_named(const char *name)
{
	struct sockaddr_un address = address_of(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	victim_check(fd >= 0 && !bind(fd, (struct sockaddr *)&address, sizeof(address)));
	return fd;
}

static void check(void)
{
	char data[16];

	victim_check(recv(datagrams[0], data, sizeof(data), MSG_PEEK | MSG_DONTWAIT) == 0);
	victim_check(recv(packets[0], data, sizeof(data), MSG_PEEK | MSG_DONTWAIT) == 0);
}

static void expect(int fd, const char *text, const char *from)
{
	struct sockaddr_un address = { 0 };
	socklen_t length = sizeof(address);
	char data[16];
	ssize_t bytes = recvfrom(fd, data, sizeof(data), MSG_DONTWAIT, (struct sockaddr *)&address,
				 &length);

	victim_check(bytes == (ssize_t)strlen(text) && !memcmp(data, text, bytes));
	if (from)
		victim_check(!strcmp(address.sun_path, from));
	else
		victim_check(length <= offsetof(struct sockaddr_un, sun_path));
}

int main(void)
{
	struct sockaddr_un to = address_of("receiver");
	char data[16];
	int result;

	victim_check(!socketpair(AF_UNIX, SOCK_DGRAM, 0, datagrams));
	victim_check(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, packets));
	receiver = open_named("receiver");
	named = open_named("named");
	send_all(datagrams[1]);
	send_all(packets[1]);
	for (int n = 0; n < 2; n++) {
		int nameless = socket(AF_UNIX, SOCK_DGRAM, 0);

		victim_check(!sendto(named, "", 0, 0, (struct sockaddr *)&to, sizeof(to)));
		victim_check(sendto(nameless, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)) == 1);
		victim_check(!sendto(nameless, "", 0, 0, (struct sockaddr *)&to, sizeof(to)));
		close(nameless);
	}
	result = victim_run(check);
	for (int n = 0; n < MESSAGES; n++) {
		expect(datagrams[0], texts[n], NULL);
		expect(packets[0], texts[n], NULL);
	}
	for (int n = 0; n < 2; n++) {
		expect(receiver, "", "named");
		expect(receiver, "x", NULL);
		expect(receiver, "", NULL);
	}
	victim_check(recv(datagrams[0], data, sizeof(data), MSG_DONTWAIT) < 0);
	victim_check(recv(packets[0], data, sizeof(data), MSG_DONTWAIT) < 0);
	victim_check(recv(receiver, data, sizeof(data), MSG_DONTWAIT) < 0);
	return result;
}

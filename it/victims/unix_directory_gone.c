/*
 * victim: Unix sockets of which name and directories have been removed, one with a client
 * category: sockets
 */
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "victim.h"

static int listener, client, server, datagrams[2];
static struct sockaddr_un name, datagram_name;

static void check_name(int fd, const struct sockaddr_un *wanted)
{
	struct sockaddr_un now;
	socklen_t length = sizeof(now);

	memset(&now, 0, sizeof(now));
	victim_check(!getsockname(fd, (struct sockaddr *)&now, &length));
	if (strcmp(now.sun_path, wanted->sun_path))
		victim_bad("'%s' instead of '%s'", now.sun_path, wanted->sun_path);
}

static void check(void)
{
	struct stat status;
	char data[4];
	int late;

	check_name(listener, &name);
	check_name(server, &name);
	check_name(datagrams[0], &datagram_name);
	victim_check(write(client, "abc", 3) == 3 && read(server, data, 3) == 3);
	victim_check(write(datagrams[1], "abc", 3) == 3 && read(datagrams[0], data, 3) == 3);
	victim_check(stat("one", &status) && errno == ENOENT);
	late = socket(AF_UNIX, SOCK_STREAM, 0);
	victim_check(connect(late, (struct sockaddr *)&name, sizeof(name)) && errno == ENOENT);
	close(late);
}

static void put_name(struct sockaddr_un *address, const char *text)
{
	address->sun_family = AF_UNIX;
	snprintf(address->sun_path, sizeof(address->sun_path), "%s", text);
}

int main(void)
{
	put_name(&name, "one/two/socket");
	put_name(&datagram_name, "one/two/datagrams");
	victim_check(!mkdir("one", 0700) && !mkdir("one/two", 0700));
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	victim_check(!bind(listener, (struct sockaddr *)&name, sizeof(name)));
	victim_check(!listen(listener, 4));
	client = socket(AF_UNIX, SOCK_STREAM, 0);
	victim_check(!connect(client, (struct sockaddr *)&name, sizeof(name)));
	server = accept(listener, NULL, NULL);
	datagrams[0] = socket(AF_UNIX, SOCK_DGRAM, 0);
	victim_check(!bind(datagrams[0], (struct sockaddr *)&datagram_name,
			   sizeof(datagram_name)));
	datagrams[1] = socket(AF_UNIX, SOCK_DGRAM, 0);
	victim_check(!connect(datagrams[1], (struct sockaddr *)&datagram_name,
			      sizeof(datagram_name)));
	victim_check(!unlink("one/two/socket") && !unlink("one/two/datagrams"));
	victim_check(!rmdir("one/two") && !rmdir("one"));
	return victim_run(check);
}

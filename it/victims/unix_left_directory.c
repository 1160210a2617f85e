/*
 * victim: Unix sockets bound by a relative name in a directory that their program has left
 * category: sockets
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "victim.h"

static char place[200];

static int open_bound(int type, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type, 0);

	strcpy(address.sun_path, name);
	victim_check(fd >= 0 && !bind(fd, (struct sockaddr *)&address, sizeof(address)));
	return fd;
}

static int listener, receiver;

static int connect_to(int type, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX }, peer = { 0 };
	socklen_t length = sizeof(peer);
	int fd = socket(AF_UNIX, type, 0);

	victim_check(snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", place, name) <
		     (int)sizeof(address.sun_path));
	victim_check(!connect(fd, (struct sockaddr *)&address, sizeof(address)));
	victim_check(!getpeername(fd, (struct sockaddr *)&peer, &length));
	victim_check(!strcmp(peer.sun_path, name));
	return fd;
}

static void check(void)
{
	int client = connect_to(SOCK_STREAM, "listener"), accepted = accept(listener, NULL, NULL);
	int sender = connect_to(SOCK_DGRAM, "receiver");
	char data[8];

	victim_check(accepted >= 0 && write(client, "a", 1) == 1 && read(accepted, data, 8) == 1);
	victim_check(write(sender, "bc", 2) == 2 && read(receiver, data, 8) == 2);
	close(client);
	close(accepted);
	close(sender);
}

int main(void)
{
	victim_check(getcwd(place, sizeof(place) - 8) != NULL);
	strcat(place, "/below");
	victim_check(!mkdir("below", 0700) && !chdir("below"));
	listener = open_bound(SOCK_STREAM, "listener");
	receiver = open_bound(SOCK_DGRAM, "receiver");
	victim_check(!listen(listener, 4) && !chdir("/"));
	return victim_run(check);
}

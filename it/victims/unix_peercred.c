/*
 * victim: the process at the other end of a Unix socket, as SO_PEERCRED tells it
 * category: sockets
 */
#include <sys/socket.h>
#include <sys/un.h>

#include "family.h"

static int pair[2], accepted, ours;
static pid_t child;

static pid_t peer(int fd)
{
	struct ucred credentials;
	socklen_t length = sizeof(credentials);

	victim_check(!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length));
	victim_check(credentials.uid == geteuid() && credentials.gid == getegid());
	return credentials.pid;
}

static void check(void)
{
	victim_check(peer(pair[0]) == getpid() && peer(pair[1]) == getpid());
	victim_check(peer(accepted) == child);
	victim_check(peer(ours) == getpid());
}

int main(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "server" };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);

	family_start();
	victim_check(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	victim_check(!bind(listener, (struct sockaddr *)&address, sizeof(address)));
	victim_check(!listen(listener, 5));
	child = fork();
	victim_check(child >= 0);
	if (!child) {
		int client = socket(AF_UNIX, SOCK_STREAM, 0);

		victim_check(!connect(client, (struct sockaddr *)&address, sizeof(address)));
		family_live(NULL);
	}
	accepted = accept(listener, NULL, NULL);
	ours = socket(AF_UNIX, SOCK_STREAM, 0);
	victim_check(!connect(ours, (struct sockaddr *)&address, sizeof(address)));
	victim_check(accepted >= 0 && accept(listener, NULL, NULL) >= 0);
	family_await(1);
	return family_run(check);
}

/*
 * victim: Unix server with a path that belongs to another user, who connects
 * category: sockets
 * needs: root
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

#define OTHER 65533

static int listener;
static struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "s" };

static void check(void)
{
	struct stat status;
	pid_t child = fork();
	int end;

	if (!child) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		if (setgid(OTHER) || setuid(OTHER))
			_exit(1);
		_exit(connect(fd, (struct sockaddr *)&address, sizeof(address)) ? 2 : 0);
	}
	victim_check(waitpid(child, &end, 0) == child && !end);
	end = accept(listener, NULL, NULL);
	victim_check(end >= 0 && !close(end));
	victim_check(!stat(address.sun_path, &status) && status.st_uid == OTHER &&
		     status.st_gid == OTHER && (status.st_mode & 07777) == 0700);
}

int main(void)
{
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	victim_check(!bind(listener, (struct sockaddr *)&address, sizeof(address)));
	victim_check(!chown(address.sun_path, OTHER, OTHER) && !chmod(address.sun_path, 0700));
	victim_check(!listen(listener, 128));
	return victim_run(check);
}

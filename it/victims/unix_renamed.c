/*
 * victim: Unix socket whose file was renamed after bind(2), as servers do that replace another
 * category: sockets
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "victim.h"

static struct sockaddr_un bound = { .sun_family = AF_UNIX }, known = { .sun_family = AF_UNIX };
static int listener;

static void check(void)
{
	struct sockaddr_un name = { 0 };
	socklen_t length = sizeof(name);
	struct stat status;
	int client, served;
	char byte = 0;

	victim_check(!getsockname(listener, (struct sockaddr *)&name, &length));
	victim_check(!strcmp(name.sun_path, bound.sun_path));
	victim_check(lstat(bound.sun_path, &status) && errno == ENOENT);
	victim_check(!stat(known.sun_path, &status) && (status.st_mode & 07777) == 0640);
	client = socket(AF_UNIX, SOCK_STREAM, 0);
	victim_check(!connect(client, (struct sockaddr *)&known, sizeof(known)));
	served = accept(listener, NULL, NULL);
	victim_check(served >= 0 && write(client, "x", 1) == 1);
	victim_check(read(served, &byte, 1) == 1 && byte == 'x');
	close(served);
	close(client);
}

int main(void)
{
	char place[sizeof(bound.sun_path) - 10];

	if (!getcwd(place, sizeof(place)))
		victim_unavailable("the directory's name is too long");
	sprintf(bound.sun_path, "%s/new", place);
	sprintf(known.sun_path, "%s/known", place);
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	victim_check(!bind(listener, (struct sockaddr *)&bound, sizeof(bound)));
	victim_check(!chmod(bound.sun_path, 0640));
	victim_check(!rename(bound.sun_path, known.sun_path));
	victim_check(!listen(listener, 4));
	return victim_run(check);
}

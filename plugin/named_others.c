/*
 * As named_files.c, with the rarer calls: it listens at a Unix socket below the directory that is its
 * argument, walks through it, and executes a script that is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <ftw.h>
#include <glob.h>
#include <dirent.h>
#include <limits.h>
#include <setjmp.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char *directory;

static void must(int fine, const char *what)
{
	if (fine)
		return;
	printf("wrong: %s: %s\n", what, strerror(errno));
	fflush(stdout);
	exit(1);
}

static char *below(const char *name)
{
	static char paths[4][PATH_MAX];
	static int next;
	char *path = paths[next++ % 4];

	snprintf(path, PATH_MAX, "%s/%s", directory, name);
	return path;
}

/* ---- Unix sockets */

static int address_of(const char *name, struct sockaddr_un *address)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	snprintf(address->sun_path, sizeof(address->sun_path), "%s/%s", directory, name);
	return sizeof(*address);
}

static int is_named(const struct sockaddr_un *address, socklen_t bytes, const char *name)
{
	return bytes > offsetof(struct sockaddr_un, sun_path) && !strcmp(address->sun_path, below(name));
}

static int socket_at(int type, const char *name)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, type, 0), bytes = address_of(name, &address);

	unlink(address.sun_path);
	must(fd >= 0 && !bind(fd, (struct sockaddr *)&address, bytes), "bind");
	return fd;
}

static void call(int listener)
{
	struct sockaddr_un address, found = { 0 };
	socklen_t room = sizeof(found);
	int client = socket(AF_UNIX, SOCK_STREAM, 0), server, bytes = address_of("socket", &address);

	must(!connect(client, (struct sockaddr *)&address, bytes), "connect");
	server = accept(listener, NULL, NULL);
	must(server >= 0 && write(client, "x", 1) == 1, "accept");
	must(!getpeername(client, (struct sockaddr *)&found, &room) && is_named(&found, room, "socket"),
	     "getpeername");
	room = sizeof(found);
	must(!getsockname(listener, (struct sockaddr *)&found, &room) && is_named(&found, room, "socket"),
	     "getsockname");
	close(client);
	close(server);
}

/* What recvfrom(2) is with _FORTIFY_SOURCE. */
ssize_t __recvfrom_chk(int fd, void *data, size_t bytes, size_t room, int flags,
		       struct sockaddr *address, socklen_t *address_bytes);

static void send_one(int from, int to)
{
	struct sockaddr_un address, found = { 0 };
	socklen_t room = sizeof(found);
	char text[8];
	struct iovec part = { text, sizeof(text) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_name = &found,
				  .msg_namelen = sizeof(found) };
	int bytes = address_of("to", &address);

	must(sendto(from, "one", 3, 0, (struct sockaddr *)&address, bytes) == 3, "sendto");
	must(recvfrom(to, text, sizeof(text), 0, (struct sockaddr *)&found, &room) == 3 &&
	     is_named(&found, room, "from"), "recvfrom");
	must(sendto(from, "one", 3, 0, (struct sockaddr *)&address, bytes) == 3, "sendto too");
	room = sizeof(found);
	must(__recvfrom_chk(to, text, sizeof(text), sizeof(text), 0, (struct sockaddr *)&found, &room) ==
	     3 && is_named(&found, room, "from"), "recvfrom of a fortified program");
	must(sendto(from, "two", 3, 0, (struct sockaddr *)&address, bytes) == 3, "sendto again");
	must(recvmsg(to, &message, 0) == 3 && is_named(&found, message.msg_namelen, "from"), "recvmsg");
	message.msg_name = &address;
	message.msg_namelen = bytes;
	part.iov_len = 3;
	must(sendmsg(from, &message, 0) == 3 && recv(to, text, sizeof(text), 0) == 3, "sendmsg");
}

/* ---- directories */

static int seen;

static int see(const char *path, const struct stat *status, int flag, struct FTW *place)
{
	(void)status;
	seen += flag == FTW_F && !strcmp(path + place->base, "data") && !strcmp(path, below("data"));
	return 0;
}

static jmp_buf out;

static int leave(const char *path, const struct stat *status, int flag, struct FTW *place)
{
	(void)path, (void)status, (void)flag, (void)place;
	longjmp(out, 1);
}

static void walk_and_leave(void)
{
	if (!setjmp(out))
		nftw(directory, leave, 8, FTW_PHYS);
}

static int see_leaving(const char *path, const struct stat *status, int flag, struct FTW *place)
{
	walk_and_leave();
	return see(path, status, flag, place);
}

static int only_data(const struct dirent *entry)
{
	return !strcmp(entry->d_name, "data");
}

static void walk(void)
{
	char *roots[] = { (char *)directory, NULL };
	struct dirent **list;
	glob_t found = { 0 };
	FTSENT *entry;
	FTS *tree;

	seen = 0;
	must(!nftw(directory, see, 8, FTW_PHYS) && seen == 1, "nftw");
	seen = 0;
	must(!nftw(directory, see_leaving, 8, FTW_PHYS) && seen == 1, "nftw left by longjmp");
	must(scandir(directory, &list, only_data, alphasort) == 1, "scandir");
	free(list[0]);
	free(list);
	must(!glob(below("dat?"), 0, NULL, &found) && found.gl_pathc == 1 &&
	     !strcmp(found.gl_pathv[0], below("data")), "glob");
	must(!glob(below("scrip*"), GLOB_APPEND, NULL, &found) && found.gl_pathc == 2 &&
	     !strcmp(found.gl_pathv[1], below("script")), "glob again");
	globfree(&found);
	tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	must(tree != NULL, "fts_open");
	seen = 0;
	while ((entry = fts_read(tree)))
		seen += !strcmp(entry->fts_name, "data");
	must(seen == 1 && !fts_close(tree), "fts_read");
	must(pathconf(directory, _PC_NAME_MAX) > 0 && ftok(directory, 1) != -1, "pathconf");
	must(listxattr(below("data"), NULL, 0) >= 0 || errno == ENOTSUP, "listxattr");
}

/* ---- what the kernel refuses */

static void refuse(void)
{
	static struct {
		struct sockaddr_un address;
		char more[2 * PATH_MAX];
	} senseless;
	static char path[8 * PATH_MAX];
	char *arguments[] = { path, NULL };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memset(&senseless, 'x', sizeof(senseless));
	senseless.address.sun_family = AF_UNIX;
	must(bind(fd, (struct sockaddr *)&senseless, sizeof(senseless)) && errno == EINVAL,
	     "bind to a senseless name");
	close(fd);
	memset(path, '/', sizeof(path) - 1);
	must(execve(path, arguments, environ) && errno == ENAMETOOLONG, "execve of a long name");
}

/* ---- other programs */

static void await(pid_t child, int expected, const char *what)
{
	int status;

	must(waitpid(child, &status, 0) == child && WIFEXITED(status) &&
	     WEXITSTATUS(status) == expected, what);
}

static void run(void)
{
	char *arguments[] = { (char *)"script", NULL }, *none[] = { NULL };
	posix_spawn_file_actions_t actions;
	struct stat status;
	pid_t child;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, below("said"), O_CREAT | O_WRONLY | O_TRUNC, 0600);
	posix_spawn_file_actions_addchdir_np(&actions, directory);
	must(!posix_spawn(&child, below("script"), &actions, NULL, arguments, environ), "posix_spawn");
	posix_spawn_file_actions_destroy(&actions);
	await(child, 7, "script");
	must(!stat(below("said"), &status) && status.st_size == 5, "what the script said");
	child = fork();
	if (!child) {
		dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
		execveat(AT_FDCWD, below("script"), arguments, none, 0);
		_exit(1);
	}
	await(child, 7, "execveat");
}

static const char script[] =
	"#!/bin/sh\ntest -e data || cd \"${0%/*}\"\ntest -e data && echo said; exit 7\n";

int main(int argc, char **argv)
{
	char exe[PATH_MAX], answer[PATH_MAX];
	int listener, from, to, fd;
	ssize_t n;

	if (argc < 2)
		return 2;
	directory = argv[1];
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	must(n > 0, "readlink");
	exe[n] = 0;
	listener = socket_at(SOCK_STREAM, "socket");
	from = socket_at(SOCK_DGRAM, "from");
	to = socket_at(SOCK_DGRAM, "to");
	must(!listen(listener, 4), "listen");
	for (int i = 1;; i++) {
		fd = open(below("script"), O_CREAT | O_TRUNC | O_WRONLY, 0700);
		must(fd >= 0 && write(fd, script, strlen(script)) == (ssize_t)strlen(script) && !close(fd),
		     "write");
		call(listener);
		send_one(from, to);
		walk();
		refuse();
		run();
		n = readlink("/proc/self/exe", answer, sizeof(answer));
		must(n == (ssize_t)strlen(exe) && !memcmp(exe, answer, n), "the link to the program");
		printf("tick %d\n", i);
		fflush(stdout);
		usleep(200000);
	}
}

/*
 * victim: Unix sockets: chosen names, connected to itself, peek offset, unread credentials, times
 * category: sockets
 * scenarios: cycles twice
 */
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "victim.h"

static int chosen, zeros, self, way[2], peek[2], credentials[2], stamped[2], listening, mode;
static struct sockaddr_un chosen_name;
static socklen_t chosen_length;

static void named(int fd, struct sockaddr_un *name, socklen_t length)
{
	struct sockaddr_un now;
	socklen_t n = sizeof(now);

	victim_check(!getsockname(fd, (struct sockaddr *)&now, &n));
	victim_check(n == length && !memcmp(name, &now, n));
}

static int value(int fd, int name)
{
	int v = -1;
	socklen_t length = sizeof(v);

	victim_check(!getsockopt(fd, SOL_SOCKET, name, &v, &length));
	return v;
}

static socklen_t zeros_name(struct sockaddr_un *name)
{
	memset(name, 0, sizeof(*name));
	name->sun_family = AF_UNIX;
	memcpy(name->sun_path, "\0a\0b\0", 5);
	memcpy(name->sun_path + 5, &(pid_t){ getpid() }, sizeof(pid_t));
	return offsetof(struct sockaddr_un, sun_path) + 9;
}

static void check(void)
{
	struct sockaddr_un name;
	struct stat there;
	char text[8];

	named(chosen, &chosen_name, chosen_length);
	named(zeros, &name, zeros_name(&name));
	victim_check(send(self, "self", 4, 0) == 4 && recv(self, text, 8, MSG_DONTWAIT) == 4);
	victim_check(send(way[0], "way", 3, 0) == 3 && recv(way[1], text, 8, MSG_DONTWAIT) == 3);
	victim_check(send(way[1], "x", 1, 0) < 0 && errno == ENOTCONN);
	victim_check(value(peek[0], SO_PEEK_OFF) == 3);
	victim_check(value(credentials[0], SO_PASSCRED) == 1);
	victim_check(value(stamped[0], SO_TIMESTAMP) == 1);
	victim_check(!stat("socket", &there) && (there.st_mode & 0777) == 0715);
	victim_check(value(listening, SO_ACCEPTCONN) == 1);
}

static struct cmsghdr *receive(int fd, char *control, size_t bytes, const char *wanted)
{
	char text[16];
	struct iovec iov = { text, sizeof(text) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
				  .msg_controllen = bytes };

	victim_check(recvmsg(fd, &message, MSG_DONTWAIT) == (ssize_t)strlen(wanted));
	victim_check(!memcmp(text, wanted, strlen(wanted)));
	return CMSG_FIRSTHDR(&message);
}

static void finish(void)
{
	char control[512] __attribute__((aligned(8))), text[8];
	struct cmsghdr *c;
	struct ucred who;

	c = receive(credentials[0], control, sizeof(control), "whoami");
	victim_check(c && c->cmsg_type == SCM_CREDENTIALS);
	memcpy(&who, CMSG_DATA(c), sizeof(who));
	victim_check(who.pid == getpid() && who.uid == getuid() && who.gid == getgid());
	c = receive(stamped[0], control, sizeof(control), "when");
	victim_check(c && c->cmsg_type == SO_TIMESTAMP);
	victim_check(recv(peek[0], text, 2, MSG_PEEK) == 2 && !memcmp(text, "de", 2));
	victim_check(recv(peek[0], text, 8, 0) == 6 && !memcmp(text, "abcdef", 6));
}

int main(void)
{
	struct sockaddr_un path = { .sun_family = AF_UNIX, .sun_path = "socket" };
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	socklen_t length;
	int on = 1, result;

	chosen = socket(AF_UNIX, SOCK_STREAM, 0);
	victim_check(!bind(chosen, (struct sockaddr *)&name, sizeof(sa_family_t)));
	chosen_length = sizeof(chosen_name);
	victim_check(!getsockname(chosen, (struct sockaddr *)&chosen_name, &chosen_length));
	zeros = socket(AF_UNIX, SOCK_DGRAM, 0);
	length = zeros_name(&name);
	victim_check(!bind(zeros, (struct sockaddr *)&name, length));
	self = socket(AF_UNIX, SOCK_DGRAM, 0);
	memset(&name, 0, sizeof(name));
	name.sun_family = AF_UNIX;
	strcpy(name.sun_path, "self");
	victim_check(!bind(self, (struct sockaddr *)&name, sizeof(name)));
	victim_check(!connect(self, (struct sockaddr *)&name, sizeof(name)));
	way[0] = socket(AF_UNIX, SOCK_DGRAM, 0), way[1] = socket(AF_UNIX, SOCK_DGRAM, 0);
	strcpy(name.sun_path, "way");
	victim_check(!bind(way[1], (struct sockaddr *)&name, sizeof(name)));
	victim_check(!connect(way[0], (struct sockaddr *)&name, sizeof(name)));
	victim_check(!socketpair(AF_UNIX, SOCK_STREAM, 0, peek));
	victim_check(write(peek[1], "abcdef", 6) == 6);
	mode = 3;
	victim_check(!setsockopt(peek[0], SOL_SOCKET, SO_PEEK_OFF, &mode, sizeof(mode)));
	victim_check(!socketpair(AF_UNIX, SOCK_STREAM, 0, credentials));
	victim_check(!setsockopt(credentials[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
	victim_check(write(credentials[1], "whoami", 6) == 6);
	victim_check(!socketpair(AF_UNIX, SOCK_DGRAM, 0, stamped));
	victim_check(!setsockopt(stamped[0], SOL_SOCKET, SO_TIMESTAMP, &on, sizeof(on)));
	victim_check(write(stamped[1], "when", 4) == 4);
	listening = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	victim_check(!bind(listening, (struct sockaddr *)&path, sizeof(path)));
	victim_check(!listen(listening, 2));
	victim_check(!chmod("socket", 0715));
	result = victim_run(check);
	finish();
	return result;
}

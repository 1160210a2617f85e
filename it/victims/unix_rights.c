/*
 * victim: descriptors in flight over a Unix socket, one of them nowhere else, one a socket with its own in flight
 * category: sockets
 */
#include <fcntl.h>
#include <sys/socket.h>

#include "victim.h"

static int ends[2], kept;

static void pass(int over, int fd, const char *text)
{
	char control[CMSG_SPACE(sizeof(int))] = "";
	struct iovec iov = { (void *)text, strlen(text) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	victim_check(sendmsg(over, &message, 0) == (ssize_t)strlen(text));
}

static int take(int from, const char *text)
{
	char control[CMSG_SPACE(sizeof(int))], data[64];
	struct iovec iov = { data, strlen(text) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	int fd;

	victim_check(recvmsg(from, &message, MSG_DONTWAIT) == (ssize_t)strlen(text));
	victim_check(!memcmp(data, text, strlen(text)));
	c = CMSG_FIRSTHDR(&message);
	victim_check(c && c->cmsg_type == SCM_RIGHTS);
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static void send_all(void)
{
	int pair[2], file, nested;

	victim_check(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	file = open("passed", O_RDWR);
	victim_check(file >= 0 && lseek(file, 5, SEEK_SET) == 5);
	pass(ends[0], file, "lonely file");
	close(file);
	pass(ends[0], kept, "kept");
	nested = open("passed", O_RDONLY);
	victim_check(nested >= 0 && lseek(nested, 7, SEEK_SET) == 7);
	pass(pair[1], nested, "inner");
	pass(ends[0], pair[0], "a socket");
	pass(ends[0], pair[1], "its peer");
	close(nested);
	close(pair[0]);
	close(pair[1]);
}

static void check(void)
{
	int file = take(ends[1], "lonely file"), same, socket_fd, peer, nested;

	victim_check(lseek(file, 0, SEEK_CUR) == 5);
	same = take(ends[1], "kept");
	victim_check(lseek(same, 40, SEEK_SET) == 40 && lseek(kept, 0, SEEK_CUR) == 40);
	socket_fd = take(ends[1], "a socket");
	peer = take(ends[1], "its peer");
	nested = take(socket_fd, "inner");
	victim_check(lseek(nested, 0, SEEK_CUR) == 7);
	close(nested);
	victim_check(send(peer, "hello", 5, 0) == 5);
	close(file);
	close(same);
	close(peer);
	close(socket_fd);
	send_all();
}

int main(void)
{
	int fd = open("passed", O_CREAT | O_EXCL | O_RDWR, 0600);

	victim_check(fd >= 0 && !ftruncate(fd, 100));
	kept = fd;
	victim_check(!socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	send_all();
	return victim_run(check);
}

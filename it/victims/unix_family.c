/*
 * victim: Unix sockets between parent and child, epoll on them, credentials
 * category: sockets
 */
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "victim.h"

static int ends[2], epoll_fd;
static pid_t child;
static unsigned int asked;

static void serve(void)
{
	unsigned int number;

	while (recv(ends[1], &number, sizeof(number), 0) == sizeof(number)) {
		number++;
		if (send(ends[1], &number, sizeof(number), 0) != sizeof(number))
			break;
	}
	_exit(5);
}

static void check(void)
{
	char control[CMSG_SPACE(sizeof(struct ucred))];
	unsigned int answer = 0;
	struct iovec iov = { &answer, sizeof(answer) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct epoll_event event;
	struct ucred credentials;
	struct cmsghdr *c;

	asked += 2;
	victim_check(send(ends[0], &asked, sizeof(asked), 0) == sizeof(asked));
	victim_check(epoll_wait(epoll_fd, &event, 1, 2000) == 1 && event.data.u32 == 99);
	victim_check(recvmsg(ends[0], &message, 0) == sizeof(answer) && answer == asked + 1);
	c = CMSG_FIRSTHDR(&message);
	victim_check(c && c->cmsg_type == SCM_CREDENTIALS);
	memcpy(&credentials, CMSG_DATA(c), sizeof(credentials));
	victim_check(credentials.pid == child && credentials.uid == getuid());
}

int main(void)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = 99 };
	int one = 1, status, result;

	victim_check(!socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	victim_check(!setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)));
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		serve();
	}
	close(ends[1]);
	epoll_fd = epoll_create1(0);
	victim_check(!epoll_ctl(epoll_fd, EPOLL_CTL_ADD, ends[0], &event));
	result = victim_run(check);
	close(ends[0]);
	close(epoll_fd);
	victim_check(waitpid(child, &status, 0) == child && WIFEXITED(status));
	victim_check(WEXITSTATUS(status) == 5);
	return result;
}

/*
 * victim: TCP server with two forked clients that exchange numbers
 * category: sockets
 */
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "victim.h"

static int fds[2];
static pid_t children[2];
static unsigned int seen[2];

static void be_client(struct sockaddr_in address, unsigned int step)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	unsigned int number = 0, answer;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		_exit(1);
	for (;;) {
		number += step;
		if (send(fd, &number, sizeof(number), MSG_NOSIGNAL) != sizeof(number))
			_exit(2);
		if (recv(fd, &answer, sizeof(answer), MSG_WAITALL) != sizeof(answer))
			_exit(0);
		if (answer != number * 2)
			_exit(3);
	}
}

static void check(void)
{
	for (int n = 0; n < 2; n++) {
		unsigned int number = 0;

		victim_check(recv(fds[n], &number, sizeof(number), MSG_WAITALL) == sizeof(number));
		seen[n] += n + 1;
		victim_check(number == seen[n]);
		number *= 2;
		victim_check(send(fds[n], &number, sizeof(number), MSG_NOSIGNAL) == sizeof(number));
	}
}

int main(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0), result, status;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	victim_check(!bind(listener, (struct sockaddr *)&address, sizeof(address)));
	victim_check(!listen(listener, 7));
	victim_check(!getsockname(listener, (struct sockaddr *)&address, &length));
	for (int n = 0; n < 2; n++) {
		children[n] = fork();
		if (!children[n]) {
			close(listener);
			for (int k = 0; k < n; k++)
				close(fds[k]);
			be_client(address, n + 1);
		}
		fds[n] = accept(listener, NULL, NULL);
		victim_check(fds[n] >= 0);
	}
	result = victim_run(check);
	for (int n = 0; n < 2; n++) {
		close(fds[n]);
		victim_check(waitpid(children[n], &status, 0) == children[n]);
		victim_check(WIFEXITED(status) && WEXITSTATUS(status) != 3);
	}
	return result;
}

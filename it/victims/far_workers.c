/*
 * victim: TCP between hosts, a listener shared by forked workers, old and new connections
 * category: across hosts
 * roles: server client
 */
#include <sys/prctl.h>
#include <sys/wait.h>

#include "stream.h"

#define WORKERS 3
#define OLD 6 /* connections, which stay */

static int old[OLD], stays;
static char **words;
static uint64_t served;

static bool pass(int from, int to)
{
	uint64_t word;

	return recv(from, &word, sizeof(word), MSG_WAITALL) == sizeof(word) &&
	       send(to, &word, sizeof(word), MSG_NOSIGNAL) == sizeof(word);
}

/* Gives back what it gets, on any number of connections. */
static void be_worker(int listener)
{
	struct pollfd all[64] = { { .fd = listener, .events = POLLIN } };
	int count = 1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	victim_check(!fcntl(listener, F_SETFL, O_NONBLOCK));
	for (;;) {
		victim_check(poll(all, count, -1) > 0 || errno == EINTR);
		for (int n = count - 1; n > 0; n--) {
			if (!all[n].revents || pass(all[n].fd, all[n].fd))
				continue;
			close(all[n].fd);
			all[n] = all[--count];
		}
		if (all[0].revents && count < 64) {
			int fd = accept(listener, NULL, NULL);

			victim_check(fd >= 0 || errno == EAGAIN);
			if (fd >= 0)
				all[count++] = (struct pollfd){ .fd = fd, .events = POLLIN };
			if (fd >= 0)
				victim_check(!fcntl(fd, F_SETFL, 0));
		}
	}
}

static void ask(int fd)
{
	uint64_t word = ++served, answer;

	victim_check(send(fd, &word, sizeof(word), MSG_NOSIGNAL) == sizeof(word));
	victim_check(recv(fd, &answer, sizeof(answer), MSG_WAITALL) == sizeof(answer));
	victim_check(answer == word);
}

/* Where the server is now; a cable that is out comes back. */
static int connect_anew(void)
{
	for (int turn = 0; turn < 600; turn++) {
		struct sockaddr_in a;
		socklen_t bytes = sizeof(a);
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		victim_check(fd >= 0);
		victim_check(!getpeername(stays, (struct sockaddr *)&a, &bytes));
		a.sin_port = htons(atoi(words[4]));
		if (!connect(fd, (struct sockaddr *)&a, sizeof(a)))
			return fd;
		victim_check(errno == EHOSTUNREACH || errno == ENETUNREACH || errno == ETIMEDOUT);
		close(fd);
		usleep(50000);
	}
	victim_bad("no connection: errno %d", errno);
}

static void check_client(void)
{
	int fresh = connect_anew();

	for (int n = 0; n < OLD; n++)
		ask(old[n]);
	ask(fresh);
	close(fresh);
}

static void check_server(void)
{
	victim_check(waitpid(-1, NULL, WNOHANG) == 0);
}

int main(int count, char **arguments)
{
	int listener, first, result;
	char byte;

	victim_check(count == 5);
	words = arguments;
	if (!stream_is_server(arguments)) {
		stays = stream_connect(words, AF_INET, 1);
		for (int n = 0; n < OLD; n++)
			old[n] = stream_connect(words, AF_INET, 0);
		return victim_run(check_client);
	}
	listener = stream_listen(arguments, AF_INET, 0, 64);
	first = stream_listen(arguments, AF_INET, 1, 1);
	stays = stream_accept(first);
	for (int n = 0; n < WORKERS; n++) {
		pid_t worker = fork();

		victim_check(worker >= 0);
		if (!worker) {
			signal(SIGUSR1, SIG_IGN);
			close(stays);
			be_worker(listener);
		}
	}
	result = victim_run(check_server);
	victim_check(recv(stays, &byte, 1, 0) == 0); /* the workers are needed until then */
	return result;
}

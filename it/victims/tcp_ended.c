/*
 * victim: TCP connections that are over: data unread behind both ends, unread errors
 * category: sockets
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "victim.h"

static struct sockaddr_in address;
static int listener, closed, empty, reset, refused;

static int connect_to(int *accepted)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	victim_check(!connect(fd, (struct sockaddr *)&address, sizeof(address)));
	*accepted = accept(listener, NULL, NULL);
	victim_check(*accepted >= 0);
	return fd;
}

/* Until both ends are done with each other. */
static void await_end(int fd)
{
	struct pollfd state = { .fd = fd };

	victim_check(poll(&state, 1, 5000) == 1 && state.revents & POLLHUP);
}

static short state_of(int fd)
{
	struct pollfd state = { .fd = fd, .events = POLLIN | POLLOUT };

	victim_check(poll(&state, 1, 1000) == 1);
	return state.revents;
}

static void check(void)
{
	char data[8];

	victim_check(recv(closed, data, sizeof(data), MSG_PEEK | MSG_DONTWAIT) == 5);
	victim_check(!memcmp(data, "after", 5));
	victim_check(!recv(empty, data, sizeof(data), MSG_DONTWAIT));
	victim_check(send(empty, "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE);
	victim_check(state_of(reset) & POLLERR);
	victim_check(state_of(refused) & POLLERR);
}

static int error_of(int fd)
{
	socklen_t length = sizeof(int);
	int error = 0;

	victim_check(!getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length));
	return error;
}

int main(void)
{
	const struct linger at_once = { .l_onoff = 1 };
	struct sockaddr_in nobody;
	socklen_t length = sizeof(address);
	char data[8];
	int other, on = 1, result;

	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	victim_check(!setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)));
	victim_check(!bind(listener, (struct sockaddr *)&address, sizeof(address)));
	victim_check(!listen(listener, 7));
	victim_check(!getsockname(listener, (struct sockaddr *)&address, &length));
	closed = connect_to(&other);
	victim_check(!shutdown(closed, SHUT_WR));
	victim_check(send(other, "after", 5, 0) == 5);
	close(other);
	await_end(closed);
	other = connect_to(&empty);
	close(other);
	victim_check(!shutdown(empty, SHUT_WR));
	await_end(empty);
	reset = connect_to(&other);
	victim_check(!setsockopt(other, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)));
	victim_check(send(other, "left", 4, 0) == 4);
	close(other);
	await_end(reset);
	/* Bound, so that nobody else is found there; it does not listen. */
	other = socket(AF_INET, SOCK_STREAM, 0);
	nobody = address;
	nobody.sin_port = 0;
	victim_check(!bind(other, (struct sockaddr *)&nobody, sizeof(nobody)));
	victim_check(!getsockname(other, (struct sockaddr *)&nobody, &length));
	refused = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	victim_check(connect(refused, (struct sockaddr *)&nobody, sizeof(nobody)) < 0 &&
		     errno == EINPROGRESS);
	await_end(refused);
	result = victim_run(check);
	victim_check(recv(closed, data, sizeof(data), MSG_DONTWAIT) == 5);
	victim_check(!recv(closed, data, sizeof(data), MSG_DONTWAIT));
	victim_check(recv(reset, data, sizeof(data), MSG_DONTWAIT) == 4);
	victim_check(error_of(reset) == ECONNRESET);
	victim_check(error_of(refused) == ECONNREFUSED);
	victim_check(!error_of(closed) && !error_of(empty));
	return result;
}

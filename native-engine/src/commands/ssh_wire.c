/* Connections between dmtcp_ssh and dmtcp_sshd, and who may have one. */
#include "ssh_wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/monotonic.h"

#define GREETING_MS 3000 /* for one that has connected to say who it is */
#define BACKLOG 16

int ssh_tokens_make(struct ssh_tokens *t)
{
	return getrandom(t, sizeof(*t), 0) == sizeof(*t) ? 0 : -EIO;
}

void ssh_tokens_print(const struct ssh_tokens *t, char text[4 * SSH_TOKEN_BYTES + 1])
{
	for (size_t n = 0; n < sizeof(*t); n++)
		snprintf(text + 2 * n, 3, "%02x", ((const uint8_t *)t)[n]);
}

int ssh_tokens_read(struct ssh_tokens *t, const char *text)
{
	for (size_t n = 0; n < sizeof(*t); n++) {
		unsigned int byte;

		if (sscanf(text + 2 * n, "%2x", &byte) != 1)
			return -EINVAL;
		((uint8_t *)t)[n] = byte;
	}
	return 0;
}

int ssh_listen(uint16_t *port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
	struct sockaddr_in any4 = { .sin_family = AF_INET };
	socklen_t bytes = sizeof(any);
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), off = 0, ret;

	if (fd >= 0) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
		if (bind(fd, (struct sockaddr *)&any, sizeof(any))) {
			close(fd);
			fd = -1;
		}
	}
	if (fd < 0) { /* a host without IPv6 */
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			return -errno;
		if (bind(fd, (struct sockaddr *)&any4, sizeof(any4)))
			goto err_close;
	}
	/* The port stands at the same place in both kinds of address. */
	if (listen(fd, BACKLOG) || getsockname(fd, (struct sockaddr *)&any, &bytes))
		goto err_close;
	*port = ntohs(any.sin6_port);
	return fd;

err_close:
	ret = -errno;
	close(fd);
	return ret;
}

/* Reads or writes all of @bytes before @deadline. */
static int transfer(int fd, void *data, size_t bytes, bool out, uint64_t deadline)
{
	size_t done = 0;

	while (done < bytes) {
		struct pollfd ready = { .fd = fd, .events = out ? POLLOUT : POLLIN };
		uint64_t now = monotonic_ms();
		ssize_t n;

		if (now >= deadline)
			return -ETIMEDOUT;
		if (poll(&ready, 1, (int)(deadline - now)) <= 0)
			continue;
		n = out ? send(fd, (char *)data + done, bytes - done, MSG_NOSIGNAL | MSG_DONTWAIT) :
			  recv(fd, (char *)data + done, bytes - done, MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (!n)
			return -ECONNRESET;
		if (n > 0)
			done += n;
	}
	return 0;
}

/* In time that does not depend on where they differ. */
static bool same_token(const uint8_t *a, const uint8_t *b)
{
	uint8_t difference = 0;

	for (size_t n = 0; n < SSH_TOKEN_BYTES; n++)
		difference |= a[n] ^ b[n];
	return !difference;
}

static void settle(int fd)
{
	int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void close_all(int channels[SSH_CHANNELS])
{
	for (int n = 0; n < SSH_CHANNELS; n++) {
		if (channels[n] >= 0)
			close(channels[n]);
		channels[n] = -1;
	}
}

/* Who is it? Takes over @fd. */
static void receive(int fd, const struct ssh_tokens *t, uint64_t deadline,
		    int channels[SSH_CHANNELS])
{
	uint64_t limit = monotonic_ms() + GREETING_MS;
	uint8_t greeting[SSH_TOKEN_BYTES + 1], answer[SSH_TOKEN_BYTES];
	unsigned int channel;

	if (limit > deadline)
		limit = deadline;
	if (transfer(fd, greeting, sizeof(greeting), false, limit) ||
	    !same_token(greeting, t->connector))
		goto stranger;
	channel = greeting[SSH_TOKEN_BYTES];
	memcpy(answer, t->acceptor, sizeof(answer));
	if (channel >= SSH_CHANNELS || channels[channel] >= 0 ||
	    transfer(fd, answer, sizeof(answer), true, limit))
		goto stranger;
	settle(fd);
	channels[channel] = fd;
	return;

stranger:
	close(fd);
}

int ssh_accept(int listener, const struct ssh_tokens *t, uint32_t timeout_ms,
	       bool (*ended)(void *context), void *context, int channels[SSH_CHANNELS])
{
	uint64_t deadline = monotonic_ms() + timeout_ms;

	for (int n = 0; n < SSH_CHANNELS; n++)
		channels[n] = -1;
	while (monotonic_ms() < deadline) {
		struct pollfd ready = { .fd = listener, .events = POLLIN };
		int fd;

		if (channels[SSH_IO] >= 0 && channels[SSH_ERROR] >= 0 && channels[SSH_CONTROL] >= 0)
			return 0;
		if (poll(&ready, 1, 100) <= 0) {
			if (ended && ended(context)) {
				close_all(channels);
				return -EPIPE;
			}
			continue;
		}
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			receive(fd, t, deadline, channels);
	}
	close_all(channels);
	return -ETIMEDOUT;
}

static int connect_to(const struct addrinfo *to, uint64_t deadline)
{
	int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0;
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	socklen_t bytes = sizeof(error);
	uint64_t now = monotonic_ms();

	if (fd < 0)
		return -errno;
	if (connect(fd, to->ai_addr, to->ai_addrlen)) {
		error = errno;
		if (error == EINPROGRESS && now < deadline &&
		    poll(&ready, 1, (int)(deadline - now)) > 0)
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
	}
	if (error) {
		close(fd);
		return error == EINPROGRESS ? -ETIMEDOUT : -error;
	}
	fcntl(fd, F_SETFL, 0);
	return fd;
}

int ssh_connect(const char *address, uint16_t port, const struct ssh_tokens *t,
		uint32_t timeout_ms, int channels[SSH_CHANNELS])
{
	struct addrinfo wanted = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
				   .ai_socktype = SOCK_STREAM }, *to;
	uint64_t deadline = monotonic_ms() + timeout_ms;
	char service[8];
	int ret = 0;

	for (int n = 0; n < SSH_CHANNELS; n++)
		channels[n] = -1;
	snprintf(service, sizeof(service), "%u", port);
	if (getaddrinfo(address, service, &wanted, &to))
		return -EINVAL;
	for (int n = 0; n < SSH_CHANNELS && !ret; n++) {
		uint8_t greeting[SSH_TOKEN_BYTES + 1], answer[SSH_TOKEN_BYTES];

		ret = channels[n] = connect_to(to, deadline);
		if (ret < 0)
			break;
		memcpy(greeting, t->connector, SSH_TOKEN_BYTES);
		greeting[SSH_TOKEN_BYTES] = n;
		ret = transfer(channels[n], greeting, sizeof(greeting), true, deadline);
		if (!ret)
			ret = transfer(channels[n], answer, sizeof(answer), false, deadline);
		if (!ret && !same_token(answer, t->acceptor))
			ret = -EACCES;
		settle(channels[n]);
	}
	freeaddrinfo(to);
	if (ret < 0)
		close_all(channels);
	return ret < 0 ? ret : 0;
}

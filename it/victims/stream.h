/*
 * The two ends of a connection, for victims with a `server` and a `client` (README.md): each sends
 * the words 1, 2, 3... and checks that it gets them, every one and nothing else; 0 is the last.
 */
#ifndef STREAM_H
#define STREAM_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "victim.h"

struct stream {
	int fd;
	uint64_t sent, read; /* bytes */
	uint64_t word;       /* being read */
	bool ended;
};

/* Sends up to @most bytes, as many as there is room for. */
static inline size_t stream_send(struct stream *s, size_t most)
{
	static uint8_t data[65536];
	size_t done = 0;

	while (done < most) {
		size_t bytes = most - done < sizeof(data) ? most - done : sizeof(data);
		ssize_t n;

		for (size_t k = 0; k < bytes; k++)
			data[k] = ((s->sent + k) / 8 + 1) >> ((s->sent + k) % 8 * 8);
		n = send(s->fd, data, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0) {
			victim_check(errno == EAGAIN);
			break;
		}
		s->sent += n;
		done += n;
	}
	return done;
}

/* Reads what has come, up to @most bytes. */
static inline size_t stream_read(struct stream *s, size_t most)
{
	static uint8_t data[65536];
	size_t done = 0;

	while (done < most && !s->ended) {
		ssize_t n = recv(s->fd, data, most - done < sizeof(data) ? most - done : sizeof(data),
				 MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0)
			victim_bad("after %llu bytes: %zd, errno %d", (unsigned long long)s->read, n,
				   n ? errno : 0);
		for (ssize_t k = 0; k < n; k++) {
			victim_check(!s->ended);
			s->word |= (uint64_t)data[k] << (s->read++ % 8 * 8);
			if (s->read % 8)
				continue;
			s->ended = !s->word;
			if (s->word && s->word != s->read / 8)
				victim_bad("word %llu is %llu", (unsigned long long)s->read / 8,
					   (unsigned long long)s->word);
			s->word = 0;
		}
		done += n;
	}
	return done;
}

/* Everything that was sent arrives, in both directions of all, and then their ends. */
static inline void stream_finish(struct stream *all, size_t count)
{
	static const uint64_t last;
	char byte;

	for (size_t n = 0; n < count; n++) {
		for (int turn = 0; all[n].sent % 8 && turn < 30000; turn++) {
			stream_send(&all[n], 8 - all[n].sent % 8);
			for (size_t k = 0; k < count; k++)
				stream_read(&all[k], 1 << 20);
			usleep(all[n].sent % 8 ? 1000 : 0);
		}
		for (int turn = 0; turn < 30000; turn++) {
			if (send(all[n].fd, &last, 8, MSG_DONTWAIT | MSG_NOSIGNAL) == 8)
				break;
			victim_check(errno == EAGAIN && turn < 29999);
			for (size_t k = 0; k < count; k++)
				stream_read(&all[k], 1 << 20);
			usleep(1000);
		}
		victim_check(!shutdown(all[n].fd, SHUT_WR));
	}
	for (size_t n = 0; n < count; n++) {
		struct pollfd state = { .fd = all[n].fd, .events = POLLIN };

		while (!all[n].ended) {
			victim_check(poll(&state, 1, 30000) == 1);
			stream_read(&all[n], 1 << 20);
		}
		victim_check(poll(&state, 1, 30000) == 1 && recv(all[n].fd, &byte, 1, 0) == 0);
	}
}

/* Where the server listens, as the command line says: ROLE IPV4 IPV6 PORT. */
static inline struct sockaddr_in6 stream_address(char **arguments, int family, int port,
						 socklen_t *bytes)
{
	struct sockaddr_in6 a = { .sin6_family = family };
	struct sockaddr_in *four = (struct sockaddr_in *)&a;

	a.sin6_port = htons(atoi(arguments[4]) + port); /* at the same place in both */
	*bytes = family == AF_INET ? sizeof(*four) : sizeof(a);
	if (family == AF_INET)
		victim_check(inet_pton(AF_INET, arguments[2], &four->sin_addr) == 1);
	else
		victim_check(inet_pton(AF_INET6, arguments[3], &a.sin6_addr) == 1);
	return a;
}

static inline bool stream_is_server(char **arguments)
{
	return !strcmp(arguments[1], "server");
}

/* @port from the first one of the victim's own. */
static inline int stream_listen(char **arguments, int family, int port, int backlog)
{
	struct sockaddr_in6 any = { .sin6_family = family };
	int fd = socket(family, SOCK_STREAM, 0), on = 1;

	any.sin6_port = htons(atoi(arguments[4]) + port);
	victim_check(fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)));
	if (family == AF_INET6)
		victim_check(!setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)));
	victim_check(!bind(fd, (struct sockaddr *)&any,
			   family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(any)));
	victim_check(!listen(fd, backlog));
	return fd;
}

static inline int stream_accept(int listener)
{
	int fd = accept(listener, NULL, NULL);

	victim_check(fd >= 0);
	return fd;
}

/* The server may not listen yet. */
static inline int stream_connect(char **arguments, int family, int port)
{
	socklen_t bytes;
	struct sockaddr_in6 to = stream_address(arguments, family, port, &bytes);

	for (int turn = 0; turn < 600; turn++) {
		int fd = socket(family, SOCK_STREAM, 0);

		victim_check(fd >= 0);
		if (!connect(fd, (struct sockaddr *)&to, bytes))
			return fd;
		close(fd);
		usleep(50000);
	}
	victim_bad("no connection: errno %d %s", errno, strerror(errno));
}

static inline void stream_allow_descriptors(void)
{
	struct rlimit limit;

	victim_check(!getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = limit.rlim_max;
	victim_check(!setrlimit(RLIMIT_NOFILE, &limit));
}

#endif

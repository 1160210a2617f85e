#include "server.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../trace/wait.h"

#define TIDY_EVERY_MS 5 /* while twins die or late threads have to be let go */
#define SILENCE_LIMIT_NS 120000000000ull /* frozen, and the agent says nothing */

/* The agent closed its end, or sent something that is no message. */
static bool serve_messages(struct server *s)
{
	json_t *request;

	channel_receive(&s->channel);
	while ((request = channel_next(&s->channel))) {
		s->last_request_ns = monotonic_ns();
		server_request(s, request);
		json_decref(request);
	}
	return !s->channel.closed;
}

static void serve_exit(struct server *s, struct watch *w)
{
	channel_send(&s->channel,
		     json_pack("{s:s, s:i, s:I}", "event", "exited", "pid", (int)w->key.pid,
			       "startTicks", (json_int_t)w->key.start_ticks));
	watch_remove(&s->watches, w);
}

/*
 * An agent that hangs must not hold the program: what its own limits would have ended long ago is
 * given up here.
 */
static void check_silence(struct server *s)
{
	if (!s->run || !s->run->frozen || monotonic_ns() - s->last_request_ns < SILENCE_LIMIT_NS)
		return;
	server_abort(s);
	channel_send(&s->channel,
		     json_pack("{s:s, s:s}", "event", "fault", "text",
			       "the round was given up: nothing was heard of the agent"));
}

static int next_timeout(struct server *s)
{
	uint64_t now = monotonic_ns(), deadline = server_next_deadline(s), ms;
	bool frozen = s->run && s->run->frozen; /* its members cannot be stopped once more */

	if ((!frozen && twin_collect(NULL)) | (trace_release_late() > 0))
		return TIDY_EVERY_MS;
	if (frozen && deadline > s->last_request_ns + SILENCE_LIMIT_NS)
		deadline = s->last_request_ns + SILENCE_LIMIT_NS;
	if (!frozen && deadline > inet_settling_next(&s->settling))
		deadline = inet_settling_next(&s->settling);
	if (deadline == UINT64_MAX)
		return -1;
	ms = deadline > now ? (deadline - now) / 1000000 + 1 : 0;
	return ms > 60000 ? 60000 : ms;
}

static int serve(struct server *s)
{
	for (;;) {
		struct epoll_event events[32];
		int n = epoll_wait(s->epoll_fd, events, 32, next_timeout(s));

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n; i++) {
			uint64_t changes;

			if (events[i].data.ptr == &s->channel) {
				if (!serve_messages(s))
					return 0;
			} else if (events[i].data.ptr == &s->wake_fd) {
				if (read(s->wake_fd, &changes, sizeof(changes)) < 0)
					continue; /* taken already */
			} else {
				serve_exit(s, events[i].data.ptr);
				break; /* the rest may name a watch that has gone: they come again */
			}
		}
		server_writes(s);
		if (!s->run || !s->run->frozen)
			inet_settling_turn(&s->settling);
		check_silence(s);
		if (s->channel.closed)
			return 0;
	}
}

static int listen_to(struct server *s, int fd, void *name)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = name };

	return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

int server_main(int fd, unsigned int workers)
{
	struct server s = { .epoll_fd = -1, .wake_fd = -1, .workers = workers };
	uint64_t deadline;
	int ret = channel_open(&s.channel, fd);

	if (ret < 0)
		return ret;
	s.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	s.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s.epoll_fd < 0 || s.wake_fd < 0) {
		ret = -errno;
		goto out;
	}
	ret = listen_to(&s, fd, &s.channel);
	if (!ret)
		ret = listen_to(&s, s.wake_fd, &s.wake_fd);
	if (!ret)
		ret = serve(&s);
	server_abort(&s);
	/* Threads that stop late, and twins that still die: a second for them, then the kernel's way. */
	deadline = monotonic_ns() + 1000000000ull;
	while ((twin_collect(NULL) || trace_release_late()) && monotonic_ns() < deadline)
		usleep(TIDY_EVERY_MS * 1000);
out:
	watches_free(&s.watches);
	strangers_free(&s.strangers.set);
	inet_settling_free(&s.settling);
	if (s.epoll_fd >= 0)
		close(s.epoll_fd);
	if (s.wake_fd >= 0)
		close(s.wake_fd);
	channel_free(&s.channel);
	return ret;
}

/* Waits that another thread, or a child, ends: 0 when all was right. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "blocking_calls.h"

static int pair[2], lock_fds[2];
static pthread_t waiter;
static atomic_int handled;

static void on_signal(int signal)
{
	(void)signal;
	handled++;
}

static void *waker(void *act)
{
	for (;;) {
		nap_ms(WAKE_MS);
		((void (*)(void))act)();
	}
	return NULL;
}

static void start_waker(void (*act)(void))
{
	static bool started;
	pthread_t thread;

	if (!started && pthread_create(&thread, NULL, waker, act))
		bad("pthread_create");
	started = true;
}

static void write_byte(void)
{
	if (write(pair[1], "x", 1) != 1)
		bad("write: %s", strerror(errno));
}

static int read_byte(void)
{
	char byte;
	ssize_t got = read(pair[0], &byte, 1);

	return got == 1 ? 0 : got < 0 ? -errno : 1000;
}

static int do_pipe(int ms)
{
	(void)ms;
	if (!pair[1] && pipe(pair))
		bad("pipe");
	start_waker(write_byte);
	return read_byte();
}

static int do_terminal(int ms)
{
	(void)ms;
	if (!pair[1]) {
		struct termios raw;

		if (openpty(&pair[1], &pair[0], NULL, NULL, NULL))
			bad("openpty");
		tcgetattr(pair[0], &raw);
		cfmakeraw(&raw);
		tcsetattr(pair[0], TCSANOW, &raw);
	}
	start_waker(write_byte);
	return read_byte();
}

static int do_socket(int ms)
{
	(void)ms;
	if (!pair[1] && socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		bad("socketpair");
	start_waker(write_byte);
	return read_byte();
}

static void send_signal(void)
{
	pthread_kill(waiter, SIGUSR1);
}

/* EINTR is right here, but only with the handler having run. */
static int after_handler(int before, int error)
{
	return error != EINTR ? -error : handled > before ? 0 : -EINTR;
}

static int do_pause(int ms)
{
	sigset_t blocked, open;
	int before;

	(void)ms;
	waiter = pthread_self();
	signal(SIGUSR1, on_signal);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_SETMASK, NULL, &open);
	start_waker(send_signal);
	before = handled;
	pause();
	return after_handler(before, errno);
}

static int do_sigsuspend(int ms)
{
	sigset_t blocked, open;
	int before;

	(void)ms;
	waiter = pthread_self();
	signal(SIGUSR1, on_signal);
	sigemptyset(&open);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, NULL); /* so that every signal meets a sigsuspend */
	start_waker(send_signal);
	before = handled;
	sigsuspend(&open);
	return after_handler(before, errno);
}

/* A signal that only the temporary mask lets through must run its handler before the EINTR. */
static int do_ppoll_signal(int ms)
{
	sigset_t blocked, open;
	int before, ret;

	(void)ms;
	waiter = pthread_self();
	signal(SIGUSR1, on_signal);
	sigemptyset(&open);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	start_waker(send_signal);
	before = handled;
	ret = ppoll(NULL, 0, NULL, &open);
	return ret >= 0 ? 1000 : after_handler(before, errno);
}

static int do_epoll_signal(int ms)
{
	static int epoll = -1;
	struct epoll_event event;
	sigset_t blocked, open;
	int before, ret;

	(void)ms;
	if (epoll < 0)
		epoll = epoll_create1(0);
	waiter = pthread_self();
	signal(SIGUSR1, on_signal);
	sigemptyset(&open);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	start_waker(send_signal);
	before = handled;
	ret = epoll_pwait(epoll, &event, 1, -1, &open);
	return ret >= 0 ? 1000 : after_handler(before, errno);
}

static int do_waitpid(int ms)
{
	pid_t child = fork(), got;
	int status;

	(void)ms;
	if (!child) {
		nap_ms(WAKE_MS);
		_exit(7);
	}
	got = waitpid(child, &status, 0);
	return got < 0 ? -errno : got != child || !WIFEXITED(status) || WEXITSTATUS(status) != 7;
}

static void send_message(void)
{
	struct { long type; char byte; } m = { 1, 'x' };

	if (msgsnd(queue_id, &m, 1, 0))
		bad("msgsnd: %s", strerror(errno));
}

static int do_msgrcv(int ms)
{
	struct { long type; char byte; } m;

	(void)ms;
	start_waker(send_message);
	return msgrcv(queue_id, &m, 1, 0, 0) == 1 ? 0 : -errno;
}

static void hold_lock(void)
{
	if (flock(lock_fds[1], LOCK_EX))
		bad("flock of the holder: %s", strerror(errno));
	nap_ms(WAKE_MS);
	flock(lock_fds[1], LOCK_UN);
}

static int do_flock(int ms)
{
	(void)ms;
	if (!lock_fds[0]) {
		char path[] = "/tmp/freeze-calls-XXXXXX";

		lock_fds[0] = mkstemp(path);
		lock_fds[1] = open(path, O_RDWR);
		unlink(path);
	}
	start_waker(hold_lock);
	if (flock(lock_fds[0], LOCK_EX))
		return -errno;
	flock(lock_fds[0], LOCK_UN);
	nap_ms(1);
	return 0;
}

static int listener = -1;

static void take_connection(void)
{
	int fd = accept(listener, NULL, NULL);

	if (fd < 0)
		bad("accept: %s", strerror(errno));
	close(fd);
}

/* The backlog is one: a further connect waits until one has been taken. */
static int do_connect(int ms)
{
	static struct sockaddr_un_ {
		sa_family_t family;
		char path[32];
	} address = { AF_UNIX, "" };
	int fd, ret;

	(void)ms;
	if (listener < 0) {
		snprintf(address.path + 1, sizeof(address.path) - 1, "freeze-calls-%d", getpid());
		listener = socket(AF_UNIX, SOCK_STREAM, 0);
		if (bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
		    listen(listener, 1))
			bad("listen: %s", strerror(errno));
	}
	start_waker(take_connection);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ret = connect(fd, (struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
	close(fd);
	return ret;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int turn;

static void give_turn(void)
{
	pthread_mutex_lock(&mutex);
	turn++;
	pthread_cond_signal(&condition);
	pthread_mutex_unlock(&mutex);
}

static int do_condition(int ms)
{
	int seen;

	(void)ms;
	start_waker(give_turn);
	pthread_mutex_lock(&mutex);
	for (seen = turn; seen == turn;)
		pthread_cond_wait(&condition, &mutex);
	pthread_mutex_unlock(&mutex);
	return 0;
}

const struct blocking_call woken_calls[] = {
	{ "read of a pipe", do_pipe, 0 },
	{ "read of a terminal", do_terminal, 0 },
	{ "read of a socket", do_socket, 0 },
	{ "pause", do_pause, 0 },
	{ "sigsuspend", do_sigsuspend, 0 },
	{ "ppoll ended by a signal", do_ppoll_signal, 0 },
	{ "epoll_pwait ended by a signal", do_epoll_signal, 0 },
	{ "waitpid", do_waitpid, 0 },
	{ "msgrcv", do_msgrcv, 0 },
	{ "flock", do_flock, 0 },
	{ "connect", do_connect, 0 },
	{ "pthread_cond_wait", do_condition, 0 },
};

const size_t woken_call_count = sizeof(woken_calls) / sizeof(*woken_calls);

/*
 * Threads that wait in every kind of blocking call are frozen and thawed, with injected calls in
 * between, again and again: none may notice. Usage: freeze_calls_test [ROUNDS]
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../src/trace/process.h"
#include "../src/trace/wait.h"

#define MS 1000000ll
#define LONG_MS 150  /* frozen some ten times while it lasts: the remaining time must be right */
#define SHORT_MS 4   /* begins anew after a freeze: must fit between two */
#define SOCKET_MS 12  /* the same, of a time-out that the kernel counts in ticks */
#define TICK_MS 10   /* at most: CONFIG_HZ=100 */
#define WAKE_MS 5    /* until another thread wakes it */

struct shared {
	atomic_int iterations;
	atomic_int failed;
	char text[160];
};

static struct shared *shared; /* of this victim */
static int wake_fds[2];
static int semaphore_id, queue_id; /* of the test, which removes them */

static void __attribute__((noreturn, format(printf, 1, 2))) bad(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(shared->text, sizeof(shared->text), format, args);
	va_end(args);
	shared->failed = 1;
	_exit(1);
}

static void nap_ms(int ms)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_nsec += ms * MS;
	end.tv_sec += end.tv_nsec / 1000000000;
	end.tv_nsec %= 1000000000;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL))
		;
}

static struct timespec timespec_ms(int ms)
{
	return (struct timespec){ ms / 1000, ms % 1000 * MS };
}

/* ---- waits that end by time: each returns what the call returned, or -errno ---- */

static int do_nanosleep(int ms)
{
	struct timespec t = timespec_ms(ms), rest;

	return nanosleep(&t, &rest) ? -errno : 0;
}

static int do_nanosleep_same(int ms) /* request and remainder in one place, no remainder kept */
{
	struct timespec t = timespec_ms(ms);

	return syscall(SYS_nanosleep, &t, NULL) ? -errno : 0;
}

static int do_clock_relative(int ms)
{
	struct timespec t = timespec_ms(ms);

	return -clock_nanosleep(CLOCK_REALTIME, 0, &t, &t);
}

static int do_clock_absolute(int ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += ms * MS;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return -clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static int do_poll(int ms)
{
	struct pollfd p = { wake_fds[0], POLLIN, 0 };
	int ret = poll(&p, 1, ms);

	return ret < 0 ? -errno : ret;
}

static int do_ppoll(int ms)
{
	struct pollfd p = { wake_fds[0], POLLIN, 0 };
	struct timespec t = timespec_ms(ms);
	sigset_t mask;
	int ret;

	sigemptyset(&mask);
	ret = ppoll(&p, 1, &t, &mask);
	return ret < 0 ? -errno : ret;
}

static int do_select(int ms)
{
	struct timeval t = { 0, ms * 1000 };
	fd_set set;
	int ret;

	FD_ZERO(&set);
	FD_SET(wake_fds[0], &set);
	ret = select(wake_fds[0] + 1, &set, NULL, NULL, &t);
	return ret < 0 ? -errno : ret;
}

static int do_pselect(int ms)
{
	struct timespec t = timespec_ms(ms);
	sigset_t mask;
	int ret;

	sigemptyset(&mask);
	ret = pselect(0, NULL, NULL, NULL, &t, &mask);
	return ret < 0 ? -errno : ret;
}

static int timed_out(long ret) /* a time-out is what is wanted */
{
	return ret >= 0 ? 1000 + (int)ret : errno == ETIMEDOUT || errno == EAGAIN ? 0 : -errno;
}

static int futex_word;

static int do_futex_relative(int ms)
{
	struct timespec t = timespec_ms(ms);

	return timed_out(syscall(SYS_futex, &futex_word, FUTEX_WAIT_PRIVATE, 0, &t, NULL, 0));
}

static int do_futex_absolute(int ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += ms * MS;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return timed_out(syscall(SYS_futex, &futex_word, FUTEX_WAIT_BITSET_PRIVATE, 0, &t, NULL,
				 FUTEX_BITSET_MATCH_ANY));
}

static int do_epoll(int ms)
{
	struct epoll_event event = { .events = EPOLLIN };
	static int epoll = -1;
	int ret;

	if (epoll < 0) {
		epoll = epoll_create1(0);
		epoll_ctl(epoll, EPOLL_CTL_ADD, wake_fds[0], &event);
	}
	ret = epoll_wait(epoll, &event, 1, ms);
	return ret < 0 ? -errno : ret;
}

static int do_epoll_pwait(int ms)
{
	struct epoll_event event;
	static int epoll = -1;
	sigset_t mask;
	int ret;

	if (epoll < 0)
		epoll = epoll_create1(0);
	sigemptyset(&mask);
	ret = epoll_pwait(epoll, &event, 1, ms, &mask);
	return ret < 0 ? -errno : ret;
}

static int do_sigtimedwait(int ms)
{
	struct timespec t = timespec_ms(ms);
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return timed_out(sigtimedwait(&set, NULL, &t));
}

static int do_semtimedop(int ms)
{
	struct timespec t = timespec_ms(ms);
	struct sembuf down = { 0, -1, 0 };

	return timed_out(semtimedop(semaphore_id, &down, 1, &t));
}

static int do_io_getevents(int ms)
{
	struct timespec t = timespec_ms(ms);
	static aio_context_t context;
	struct io_event event;
	int ret;

	if (!context && syscall(SYS_io_setup, 4, &context))
		bad("io_setup: %s", strerror(errno));
	ret = syscall(SYS_io_getevents, context, 1, 1, &event, &t);
	return ret < 0 ? -errno : ret;
}

static int timed_socket(int ms)
{
	struct timeval t = { 0, ms * 1000 };
	static int fd = -1;
	struct sockaddr_in address = { .sin_family = AF_INET };

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0) {
		fd = socket(AF_INET, SOCK_DGRAM, 0);
		bind(fd, (struct sockaddr *)&address, sizeof(address));
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	}
	return fd;
}

static int do_recv_timeout(int ms)
{
	char byte;

	return timed_out(recv(timed_socket(ms), &byte, 1, 0));
}

static int do_read_timeout(int ms)
{
	char byte;

	return timed_out(read(timed_socket(ms), &byte, 1));
}

static int do_accept_timeout(int ms)
{
	struct timeval t = { 0, ms * 1000 };
	static int fd = -1;

	if (fd < 0) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		listen(fd, 1);
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	}
	return timed_out(accept(fd, NULL, NULL));
}

/* ---- waits that another thread, or a child, ends: 0 when all was right ---- */

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

static const struct kind {
	const char *name;
	int (*call)(int ms); /* 0: right */
	int ms;              /* not shorter than that; 0: ended by another */
} kinds[] = {
	{ "nanosleep", do_nanosleep, LONG_MS },
	{ "nanosleep without remainder", do_nanosleep_same, LONG_MS },
	{ "clock_nanosleep relative", do_clock_relative, LONG_MS },
	{ "clock_nanosleep absolute", do_clock_absolute, LONG_MS },
	{ "poll", do_poll, LONG_MS },
	{ "ppoll", do_ppoll, LONG_MS },
	{ "select", do_select, LONG_MS },
	{ "pselect", do_pselect, LONG_MS },
	{ "futex relative", do_futex_relative, LONG_MS },
	{ "futex absolute", do_futex_absolute, LONG_MS },
	{ "epoll_wait", do_epoll, SHORT_MS },
	{ "epoll_pwait", do_epoll_pwait, SHORT_MS },
	{ "sigtimedwait", do_sigtimedwait, SHORT_MS },
	{ "semtimedop", do_semtimedop, SHORT_MS },
	{ "io_getevents", do_io_getevents, SHORT_MS },
	{ "recv with a time-out", do_recv_timeout, SOCKET_MS },
	{ "read with a time-out", do_read_timeout, SOCKET_MS },
	{ "accept with a time-out", do_accept_timeout, SOCKET_MS },
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

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void __attribute__((noreturn)) run_victim(const struct kind *k)
{
	if (pipe(wake_fds))
		bad("pipe");
	for (;;) {
		uint64_t begin = monotonic_ns();
		int ret = k->call(k->ms);
		int64_t took = monotonic_ns() - begin;

		if (ret < 0)
			bad("%s", strerror(-ret));
		if (ret)
			bad("returned %d", ret);
		/* The real-time clock and ours may be stepped apart by a little: 1 ms. */
		if (took < (k->ms - (k->ms == SOCKET_MS ? TICK_MS : 1)) * MS)
			bad("lasted %lld us instead of %d ms", (long long)took / 1000, k->ms);
		shared->iterations++;
	}
}

static int freeze_once(pid_t pid, const char *name, int round)
{
	struct fault fault = { 0 };
	struct process *p;
	uint64_t scratch;
	long result;
	size_t i;

	if (process_freeze(pid, 5000, &p, &fault) < 0) {
		printf("bad: freezing %s: %s [%s]\n", name, fault.text, fault.id);
		return -1;
	}
	if (round % 8 > 4)
		process_guard(p);
	for (i = 0; i < p->thread_count && round % 4; i++) {
		struct thread *t = &p->threads[i];

		if (inject_begin(t, &fault) < 0 ||
		    inject_syscall(t, &result, SYS_gettid, 0, 0, 0, 0, 0, 0) < 0 ||
		    result != t->virtual_tid ||
		    (round % 4 == 1 && inject_scratch(t, &scratch, &fault) < 0) ||
		    inject_end(t) < 0) {
			printf("bad: injecting into %s: %s\n", name, fault.text);
			process_thaw(p);
			return -1;
		}
	}
	process_thaw(p);
	return 0;
}

int main(int argc, char *argv[])
{
	int rounds = argc > 1 ? atoi(argv[1]) : 1000, round, failures = 0;
	struct shared *all = mmap(NULL, KINDS * sizeof(*all), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pids[KINDS];
	size_t i;

	semaphore_id = semget(IPC_PRIVATE, 1, 0600);
	queue_id = msgget(IPC_PRIVATE, 0600);
	if (all == MAP_FAILED || semaphore_id < 0 || queue_id < 0) {
		printf("bad: %s\n", strerror(errno));
		return 1;
	}
	srandom(getpid());
	for (i = 0; i < KINDS; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			shared = &all[i];
			run_victim(&kinds[i]);
		}
	}
	nap_ms(50);
	for (round = 0; round < rounds && !failures; round++) {
		for (i = 0; i < KINDS && !failures; i++)
			if (!all[i].failed)
				failures += freeze_once(pids[i], kinds[i].name, round) < 0;
		nap_ms(random() % 8);
		for (i = 0; i < KINDS; i++)
			failures += all[i].failed;
	}
	nap_ms(LONG_MS + 100); /* those that are still at it must end by themselves */
	for (i = 0; i < KINDS; i++) {
		if (all[i].failed)
			printf("bad: %s: %s\n", kinds[i].name, all[i].text);
		else if (!all[i].iterations)
			printf("bad: %s never ended\n", kinds[i].name);
		failures += all[i].failed || !all[i].iterations;
		if (getenv("VERBOSE"))
			printf("%-32s %6d\n", kinds[i].name, all[i].iterations);
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, __WALL);
	}
	semctl(semaphore_id, 0, IPC_RMID);
	msgctl(queue_id, IPC_RMID, NULL);
	if (trace_release_late())
		printf("bad: threads are left behind\n"), failures++;
	printf(failures ? "failed after %d rounds\n" : "ok\n", round);
	return failures != 0;
}

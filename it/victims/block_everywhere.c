/*
 * victim: threads in every kind of blocking call, none of which sees a checkpoint
 * category: time
 * link: -lrt
 */
#include <fcntl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "victim.h"

enum call {
	PIPE_READ, PIPE_WRITE, FIFO_OPEN, SOCKET_ACCEPT, SOCKET_RECEIVE, SOCKET_SEND, FILE_FLOCK,
	FILE_OFD_LOCK, CHILD_WAIT, CHILD_WAITID, SEMAPHORE, QUEUE_RECEIVE, QUEUE_SEND, MQ_RECEIVE,
	MQ_SEND, EPOLL, POLL, SELECT, EVENT_READ, INOTIFY_READ, SIGNAL_READ, TIMER_READ, UDP_RECEIVE,
	CALLS
};

static struct {
	volatile int done;
	long result;
	int error;
} calls[CALLS];

static int in[2], full[2], pairs[2], stuffed[2], listener, locked, set, empty_queue, full_queue;
static mqd_t empty_mq, full_mq;
static int epoll, quiet[2], event, watcher, signals, timer, udp;
static pid_t children[2];
static struct sockaddr_in udp_address;

struct message {
	long type;
	char text[4000];
};

static long do_call(enum call which)
{
	struct flock range = { .l_type = F_WRLCK };
	struct sembuf take = { .sem_op = -1 };
	struct epoll_event epoll_result;
	struct pollfd one = { .fd = quiet[0], .events = POLLIN };
	struct signalfd_siginfo info;
	struct message m = { .type = 1 };
	char data[8192] = "", big[4096] = "";
	uint64_t count;
	siginfo_t child;
	int status, fd;
	fd_set set_of;

	switch (which) {
	case PIPE_READ:
		return read(in[0], data, 5);
	case PIPE_WRITE:
		return write(full[1], "more", 4);
	case FIFO_OPEN:
		return open("fifo", O_RDONLY) >= 0;
	case SOCKET_ACCEPT:
		return accept(listener, NULL, NULL) >= 0;
	case SOCKET_RECEIVE:
		return recv(pairs[0], data, 5, MSG_WAITALL);
	case SOCKET_SEND:
		return send(stuffed[0], big, sizeof(big), 0);
	case FILE_FLOCK:
		fd = open("flock", O_RDWR);
		return flock(fd, LOCK_EX);
	case FILE_OFD_LOCK:
		fd = open("ofd", O_RDWR);
		return fcntl(fd, F_OFD_SETLKW, &range);
	case CHILD_WAIT:
		return waitpid(children[0], &status, 0) == children[0] ? WEXITSTATUS(status) : -1;
	case CHILD_WAITID:
		return waitid(P_PID, children[1], &child, WEXITED) ? -1 : child.si_status;
	case SEMAPHORE:
		return semop(set, &take, 1);
	case QUEUE_RECEIVE:
		return msgrcv(empty_queue, &m, sizeof(m.text), 0, 0);
	case QUEUE_SEND:
		return msgsnd(full_queue, &m, sizeof(m.text), 0);
	case MQ_RECEIVE:
		return mq_receive(empty_mq, data, sizeof(data), NULL);
	case MQ_SEND:
		return mq_send(full_mq, "two", 3, 0);
	case EPOLL:
		return epoll_wait(epoll, &epoll_result, 1, -1);
	case POLL:
		return poll(&one, 1, -1);
	case SELECT:
		FD_ZERO(&set_of);
		FD_SET(quiet[0], &set_of);
		return select(quiet[0] + 1, &set_of, NULL, NULL, NULL);
	case EVENT_READ:
		return read(event, &count, 8) == 8 ? (long)count : -1;
	case INOTIFY_READ:
		return read(watcher, data, sizeof(data)) > 0;
	case SIGNAL_READ:
		return read(signals, &info, sizeof(info)) == sizeof(info) ? (long)info.ssi_signo : -1;
	case TIMER_READ:
		return read(timer, &count, 8) == 8 ? (long)count : -1;
	case UDP_RECEIVE:
		return recvfrom(udp, data, sizeof(data), 0, NULL, NULL);
	case CALLS:
		break;
	}
	return -1;
}

static void *block(void *which)
{
	enum call c = (long)which;

	calls[c].result = do_call(c);
	calls[c].error = errno;
	calls[c].done = 1;
	return NULL;
}

static const long wanted[CALLS] = {
	[PIPE_READ] = 5, [PIPE_WRITE] = 4, [FIFO_OPEN] = 1, [SOCKET_ACCEPT] = 1,
	[SOCKET_RECEIVE] = 5, [SOCKET_SEND] = 4096, [CHILD_WAITID] = SIGTERM, [QUEUE_RECEIVE] = 5,
	[MQ_RECEIVE] = 5, [EPOLL] = 1, [POLL] = 1, [SELECT] = 1, [EVENT_READ] = 7,
	[INOTIFY_READ] = 1, [SIGNAL_READ] = SIGUSR2, [TIMER_READ] = 1, [UDP_RECEIVE] = 5,
};

/* A socket may take more after a restart: messages have been joined in its queue. */
static void check(void)
{
	for (int n = 0; n < CALLS; n++)
		if (calls[n].done && (n != SOCKET_SEND || calls[n].result != wanted[n]))
			victim_bad("call %d returned %ld: %s", n, calls[n].result,
				   strerror(calls[n].error));
}

static void fill(int fd)
{
	char data[1024] = "";

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (write(fd, data, sizeof(data)) > 0)
		;
	fcntl(fd, F_SETFL, 0);
}

static void set_up_files(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "server" };
	struct flock range = { .l_type = F_WRLCK };
	int fd = open("flock", O_RDWR | O_CREAT, 0600);

	victim_check(!flock(fd, LOCK_EX));
	locked = fd;
	fd = open("ofd", O_RDWR | O_CREAT, 0600);
	victim_check(!fcntl(fd, F_OFD_SETLK, &range));
	victim_check(fd == locked + 1 && !mkfifo("fifo", 0600) && !mkdir("watched", 0700));
	victim_check(!pipe(in) && !pipe(full) && !pipe(quiet));
	fill(full[1]);
	victim_check(!socketpair(AF_UNIX, SOCK_STREAM, 0, pairs));
	victim_check(!socketpair(AF_UNIX, SOCK_STREAM, 0, stuffed));
	fill(stuffed[0]);
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	victim_check(!bind(listener, (struct sockaddr *)&name, sizeof(name)));
	victim_check(!listen(listener, 2));
	for (int n = 0; n < 2; n++) {
		children[n] = fork();
		if (!children[n])
			for (;;)
				pause();
	}
}

static void set_up_objects(void)
{
	struct mq_attr limits = { .mq_maxmsg = 1, .mq_msgsize = 64 };
	struct message m = { .type = 1 };
	struct epoll_event interest = { .events = EPOLLIN };
	socklen_t length = sizeof(udp_address);
	char name[32];
	sigset_t usr2;

	set = semget(IPC_PRIVATE, 1, 0600);
	empty_queue = msgget(IPC_PRIVATE, 0600);
	full_queue = msgget(IPC_PRIVATE, 0600);
	while (!msgsnd(full_queue, &m, sizeof(m.text), IPC_NOWAIT))
		;
	snprintf(name, sizeof(name), "/victim-%d", getpid());
	empty_mq = mq_open(name, O_RDWR | O_CREAT, 0600, &limits);
	mq_unlink(name);
	full_mq = mq_open(name, O_RDWR | O_CREAT, 0600, &limits);
	mq_unlink(name);
	victim_check(empty_mq >= 0 && full_mq >= 0 && !mq_send(full_mq, "one", 3, 0));
	epoll = epoll_create1(0);
	victim_check(!epoll_ctl(epoll, EPOLL_CTL_ADD, quiet[0], &interest));
	event = eventfd(0, 0);
	watcher = inotify_init();
	victim_check(inotify_add_watch(watcher, "watched", IN_CREATE) > 0);
	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	sigprocmask(SIG_BLOCK, &usr2, NULL);
	signals = signalfd(-1, &usr2, 0);
	timer = timerfd_create(CLOCK_MONOTONIC, 0);
	udp = socket(AF_INET, SOCK_DGRAM, 0);
	udp_address.sin_family = AF_INET;
	udp_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	victim_check(!bind(udp, (struct sockaddr *)&udp_address, sizeof(udp_address)));
	victim_check(!getsockname(udp, (struct sockaddr *)&udp_address, &length));
}

/* Gives every call what it waits for. */
static void release(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "server" };
	struct itimerspec soon = { .it_value.tv_nsec = 1 };
	struct sembuf give = { .sem_op = 1 };
	struct message m = { .type = 1, .text = "hello" };
	static char data[1 << 20];
	uint64_t seven = 7;
	int fd;

	victim_check(write(in[1], "hello", 5) == 5 && write(quiet[1], "x", 1) == 1);
	victim_check(read(full[0], data, 65536) > 0 && open("fifo", O_WRONLY) >= 0);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	victim_check(!connect(fd, (struct sockaddr *)&name, sizeof(name)));
	victim_check(send(pairs[1], "hello", 5, 0) == 5);
	victim_check(recv(stuffed[1], data, sizeof(data), 0) > 0);
	victim_check(!flock(locked, LOCK_UN) && !close(locked + 1));
	for (int n = 0; n < 2; n++)
		victim_check(!kill(children[n], SIGTERM));
	victim_check(!semop(set, &give, 1) && !msgsnd(empty_queue, &m, 5, 0));
	victim_check(msgrcv(full_queue, &m, sizeof(m.text), 0, 0) == sizeof(m.text));
	victim_check(!mq_send(empty_mq, "hello", 5, 0));
	victim_check(mq_receive(full_mq, data, 64, NULL) == 3);
	victim_check(write(event, &seven, 8) == 8);
	close(open("watched/created", O_CREAT | O_WRONLY, 0600));
	victim_check(!kill(getpid(), SIGUSR2) && !timerfd_settime(timer, 0, &soon, NULL));
	victim_check(sendto(udp, "hello", 5, 0, (struct sockaddr *)&udp_address,
			    sizeof(udp_address)) == 5);
}

int main(void)
{
	pthread_t threads[CALLS];
	sigset_t finish;
	int result;

	set_up_files();
	set_up_objects();
	sigemptyset(&finish);
	sigaddset(&finish, SIGUSR1);
	sigprocmask(SIG_BLOCK, &finish, NULL);
	for (long n = 0; n < CALLS; n++)
		victim_check(!pthread_create(&threads[n], NULL, block, (void *)n));
	sigprocmask(SIG_UNBLOCK, &finish, NULL);
	usleep(200000);
	result = victim_run(check);
	release();
	for (int n = 0; n < CALLS; n++) {
		for (int i = 0; i < 500 && !calls[n].done; i++)
			usleep(10000);
		if (!calls[n].done || calls[n].result != wanted[n])
			victim_bad("call %d %s %ld: %s", n, calls[n].done ? "gave" : "hangs",
				   calls[n].result, strerror(calls[n].error));
	}
	semctl(set, 0, IPC_RMID);
	msgctl(empty_queue, IPC_RMID, NULL);
	msgctl(full_queue, IPC_RMID, NULL);
	return result;
}

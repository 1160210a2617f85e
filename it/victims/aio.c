/*
 * victim: asynchronous I/O of the kernel (io_setup): unread events, a waiting thread, a copy by fork
 * category: memory
 * link: -pthread
 */
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "victim.h"

#define UNREAD 200 /* of 255 slots: they go over the end of the ring and begin anew */
#define STEP 37
#define LIMIT_MS 10000

struct ring_head { /* fs/aio.c, struct aio_ring; libaio looks at it, too */
	unsigned int index, slots, head, tail, magic;
};

static aio_context_t small, unread, waited;
static int file, bell;
static __u64 first_unread = 1, next_unread = 1;
static char page[64], out[64];
static int answers[2];
static unsigned int rounds;

static long submit(aio_context_t context, struct iocb *request)
{
	struct iocb *list[] = { request };

	return syscall(SYS_io_submit, context, 1L, list);
}

static long take(aio_context_t context, struct io_event *event, int ms)
{
	struct timespec limit = { ms / 1000, ms % 1000 * 1000000l };

	return syscall(SYS_io_getevents, context, 1L, 1L, event, &limit);
}

static void leave_unread(void)
{
	struct iocb request = { .aio_data = next_unread++, .aio_fildes = file, .aio_nbytes = 8,
				.aio_buf = (__u64)(uintptr_t)page, .aio_lio_opcode = IOCB_CMD_PREAD };

	victim_check(submit(unread, &request) == 1);
}

static void check_unread(void)
{
	const volatile struct ring_head *head = (void *)unread;
	struct io_event event;

	victim_check((head->tail + head->slots - head->head) % head->slots == UNREAD);
	for (int i = 0; i < STEP; i++) {
		victim_check(take(unread, &event, 0) == 1);
		victim_check(event.data == first_unread++ && event.res == 8);
		leave_unread();
	}
}

/* A write and what it says, with an eventfd that is rung. */
static void check_written(void)
{
	struct iocb request = { .aio_data = 42, .aio_fildes = file, .aio_nbytes = sizeof(out),
				.aio_buf = (__u64)(uintptr_t)out, .aio_offset = 4096,
				.aio_lio_opcode = IOCB_CMD_PWRITE, .aio_flags = IOCB_FLAG_RESFD,
				.aio_resfd = bell };
	struct io_event event;
	uint64_t rung;
	char back[sizeof(out)];

	memset(out, ++rounds, sizeof(out));
	victim_check(submit(small, &request) == 1);
	victim_check(take(small, &event, LIMIT_MS) == 1);
	victim_check(event.data == 42 && event.res == sizeof(out));
	victim_check(event.obj == (__u64)(uintptr_t)&request);
	victim_check(read(bell, &rung, sizeof(rung)) == sizeof(rung) && rung == 1);
	victim_check(pread(file, back, sizeof(back), 4096) == sizeof(back));
	victim_check(!memcmp(back, out, sizeof(back)));
}

static void *wait_for_events(void *unused)
{
	struct io_event event;

	(void)unused;
	for (;;) {
		victim_check(take(waited, &event, 100 * LIMIT_MS) == 1);
		victim_check(write(answers[1], &event.data, sizeof(event.data)) ==
			     sizeof(event.data));
	}
	return NULL;
}

static void check_waiting(void)
{
	struct iocb request = { .aio_data = rounds, .aio_fildes = file, .aio_nbytes = 8,
				.aio_buf = (__u64)(uintptr_t)page, .aio_lio_opcode = IOCB_CMD_PREAD };
	__u64 answer;

	victim_check(submit(waited, &request) == 1);
	victim_check(read(answers[0], &answer, sizeof(answer)) == sizeof(answer));
	victim_check(answer == rounds);
}

static void check(void)
{
	int status;

	check_unread();
	check_written();
	check_waiting();
	victim_check(waitpid(-1, &status, WNOHANG) == 0);
}

/* Has the ring's memory, and no ring. */
static void child(pid_t parent)
{
	const volatile struct ring_head *head = (void *)unread;
	struct ring_head seen = *head;
	struct io_event event;
	struct timespec pause = { .tv_nsec = 50000000 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (getppid() == parent) {
		if (head->slots != seen.slots || head->magic != seen.magic ||
		    take(small, &event, 0) != -1 || errno != EINVAL)
			_exit(1);
		nanosleep(&pause, NULL);
	}
	_exit(0);
}

int main(void)
{
	pthread_t thread;
	pid_t parent = getpid(), forked;

	if (syscall(SYS_io_setup, 1, &small))
		victim_unavailable("io_setup: %s", strerror(errno));
	victim_check(!syscall(SYS_io_setup, 100, &unread) && !syscall(SYS_io_setup, 1000, &waited));
	file = open("data", O_RDWR | O_CREAT | O_TRUNC, 0600);
	victim_check(file >= 0 && ftruncate(file, 8192) == 0 && unlink("data") == 0);
	bell = eventfd(0, 0);
	victim_check(bell >= 0 && !pipe(answers));
	for (int i = 0; i < UNREAD; i++)
		leave_unread();
	for (int i = 0; i < 2; i++)
		check_unread();
	forked = fork();
	victim_check(forked >= 0);
	if (!forked)
		child(parent);
	victim_check(!pthread_create(&thread, NULL, wait_for_events, NULL));
	return victim_run(check);
}

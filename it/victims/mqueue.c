/*
 * victim: POSIX message queue: priorities, limits, deleted name, notification
 * category: ipc
 */
#include <fcntl.h>
#include <mqueue.h>

#include "victim.h"

static int queue, writer, notified;
static volatile sig_atomic_t told;

static void on_message(int number)
{
	(void)number;
	told++;
}

static void expect(const char *text, unsigned int wanted)
{
	char data[256];
	unsigned int priority;
	ssize_t n = mq_receive(queue, data, sizeof(data), &priority);

	victim_check(n == (ssize_t)strlen(text) && !memcmp(data, text, n) && priority == wanted);
}

static void send_all(void)
{
	victim_check(!mq_send(writer, "later", 5, 1) && !mq_send(writer, "first", 5, 9));
	victim_check(!mq_send(writer, "also first", 10, 9) && !mq_send(writer, "", 0, 0));
}

static void check(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2 };
	struct mq_attr attributes;
	char data[256];
	int before = told;

	victim_check(!mq_getattr(queue, &attributes));
	victim_check(attributes.mq_maxmsg == 7 && attributes.mq_msgsize == 256 &&
		     attributes.mq_curmsgs == 4);
	expect("first", 9);
	expect("also first", 9);
	expect("later", 1);
	expect("", 0);
	victim_check(mq_receive(queue, data, sizeof(data), NULL) < 0 && errno == EAGAIN);
	victim_check(fcntl(writer, F_GETFL) == O_WRONLY || !(fcntl(writer, F_GETFL) & O_NONBLOCK));
	send_all();
	victim_check(!mq_send(notified, "x", 1, 0));
	victim_check(told == before + 1);
	victim_check(mq_receive(notified, data, sizeof(data), NULL) == 1);
	victim_check(!mq_notify(notified, &event));
}

int main(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2 };
	struct mq_attr attributes = { .mq_maxmsg = 7, .mq_msgsize = 256 };
	char name[64];

	signal(SIGUSR2, on_message);
	snprintf(name, sizeof(name), "/victim-%d-%ld", getpid(), (long)time(NULL));
	queue = mq_open(name, O_CREAT | O_EXCL | O_RDONLY | O_NONBLOCK, 0600, &attributes);
	writer = mq_open(name, O_WRONLY);
	victim_check(queue >= 0 && writer >= 0 && !mq_unlink(name));
	notified = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attributes);
	victim_check(notified >= 0 && !mq_unlink(name) && !mq_notify(notified, &event));
	send_all();
	return victim_run(check);
}

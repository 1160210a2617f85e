/*
 * victim: processes that wait for POSIX messages, at a full queue, at a named semaphore
 * category: ipc
 * scenarios: cycles twice
 */
#include <fcntl.h>
#include <mqueue.h>
#include <semaphore.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "victim.h"

static mqd_t empty, full;
static sem_t *sem;
static pid_t waiting[5];

static void check(void)
{
	for (int i = 0; i < 5; i++)
		victim_check(!waitpid(waiting[i], NULL, WNOHANG));
}

static void wait_here(int which)
{
	struct timespec at;
	char text[16];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGUSR1, SIG_IGN);
	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec += 300;
	if (which == 0)
		_exit(mq_receive(empty, text, sizeof(text), NULL) == 3 ? 0 : 1);
	if (which == 1)
		_exit(mq_timedreceive(empty, text, sizeof(text), NULL, &at) == 3 ? 0 : 1);
	if (which == 2)
		_exit(mq_timedsend(full, "xy", 2, 3, &at) ? 1 : 0);
	if (which == 3)
		_exit(sem_wait(sem) ? 1 : 0);
	_exit(sem_timedwait(sem, &at) ? 1 : 0);
}

int main(void)
{
	struct mq_attr attributes = { .mq_maxmsg = 2, .mq_msgsize = 16 };
	char name[32], text[16];
	int result, status;

	snprintf(name, sizeof(name), "/victim-%d", getpid());
	empty = mq_open(name, O_CREAT | O_RDWR, 0600, &attributes);
	mq_unlink(name);
	full = mq_open(name, O_CREAT | O_RDWR, 0600, &attributes);
	mq_unlink(name);
	sem = sem_open(name, O_CREAT, 0600, 0);
	victim_check(empty >= 0 && full >= 0 && sem != SEM_FAILED && !sem_unlink(name));
	victim_check(!mq_send(full, "a", 1, 1) && !mq_send(full, "b", 1, 2));
	for (int i = 0; i < 5; i++) {
		waiting[i] = fork();
		if (!waiting[i])
			wait_here(i);
	}
	usleep(100000);
	result = victim_run(check);
	victim_check(!mq_send(empty, "abc", 3, 0) && !mq_send(empty, "abc", 3, 0));
	victim_check(mq_receive(full, text, 16, NULL) == 1 && text[0] == 'b');
	sem_post(sem);
	sem_post(sem);
	for (int i = 0; i < 5; i++) {
		victim_check(waitpid(waiting[i], &status, 0) == waiting[i]);
		if (status)
			victim_bad("process %d ended with %x", i, status);
	}
	victim_check(mq_receive(full, text, 16, NULL) == 2);
	return result;
}

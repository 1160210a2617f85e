/*
 * victim: processes that wait at System V semaphores and queues; modes, sizes
 * category: ipc
 * scenarios: cycles twice
 * remark: who used them last, and when, is not kept
 */
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>

#include "victim.h"

struct message {
	long type;
	char text[1000];
};

static int sem, full, empty, segment;
static pid_t waiting[5];
static unsigned int mode;
static char *at;

static void check(void)
{
	struct shmid_ds s;
	struct msqid_ds q;

	for (int i = 0; i < 5; i++)
		victim_check(!waitpid(waiting[i], NULL, WNOHANG));
	/* Who has been interrupted begins to wait again a moment later. */
	for (int tries = 0; semctl(sem, 0, GETNCNT) != 2 || semctl(sem, 1, GETZCNT) != 1; tries++) {
		victim_check(tries < 5000);
		usleep(1000);
	}
	victim_check(semctl(sem, 1, GETVAL) == 5);
	victim_check(!msgctl(full, IPC_STAT, &q));
	victim_check(q.msg_perm.mode == 0642 && q.msg_qbytes == 5000 && q.msg_qnum == 5);
	victim_check(!shmctl(segment, IPC_STAT, &s));
	victim_check(s.shm_perm.mode == mode && at[0] == 5);
}

static void wait_here(int which)
{
	struct sembuf down = { 0, -1, 0 }, zero = { 1, 0, 0 };
	struct timespec long_time = { 300, 0 };
	struct message m = { 1, "x" };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGUSR1, SIG_IGN);
	if (which == 0)
		_exit(semop(sem, &down, 1) ? 1 : 0);
	if (which == 1)
		_exit(semtimedop(sem, &down, 1, &long_time) ? 1 : 0);
	if (which == 2)
		_exit(semop(sem, &zero, 1) ? 1 : 0);
	if (which == 3)
		_exit(msgsnd(full, &m, 1000, 0) ? 1 : 0);
	_exit(msgrcv(empty, &m, 1000, 7, 0) == 3 ? 0 : 1);
}

int main(void)
{
	struct message m = { 5, "y" };
	struct shmid_ds before;
	struct msqid_ds q;
	struct sembuf up = { 0, 2, 0 }, clear = { 1, -5, 0 };
	int result, status;

	sem = semget(IPC_PRIVATE, 2, 0600);
	full = msgget(IPC_PRIVATE, 0600);
	empty = msgget(IPC_PRIVATE, 0600);
	segment = shmget(IPC_PRIVATE, 8192, 0600);
	victim_check(sem >= 0 && full >= 0 && empty >= 0 && segment >= 0);
	at = shmat(segment, NULL, 0);
	victim_check(at != (void *)-1);
	at[0] = 5;
	victim_check(!semctl(sem, 1, SETVAL, 5));
	victim_check(!msgctl(full, IPC_STAT, &q));
	q.msg_qbytes = 5000;
	q.msg_perm.mode = 0642;
	victim_check(!msgctl(full, IPC_SET, &q));
	for (int i = 0; i < 5; i++)
		victim_check(!msgsnd(full, &m, 1000, 0));
	shmctl(segment, SHM_LOCK, NULL);
	victim_check(!shmctl(segment, IPC_STAT, &before));
	mode = before.shm_perm.mode;
	for (int i = 0; i < 5; i++) {
		waiting[i] = fork();
		if (!waiting[i])
			wait_here(i);
	}
	usleep(100000);
	result = victim_run(check);
	victim_check(!semop(sem, &up, 1) && !semop(sem, &clear, 1));
	victim_check(msgrcv(full, &m, 1000, 0, 0) == 1000 && m.type == 5 && m.text[0] == 'y');
	m.type = 7;
	victim_check(!msgsnd(empty, &m, 3, 0));
	for (int i = 0; i < 5; i++) {
		victim_check(waitpid(waiting[i], &status, 0) == waiting[i]);
		if (status)
			victim_bad("process %d ended with %x", i, status);
	}
	semctl(sem, 0, IPC_RMID);
	msgctl(full, IPC_RMID, NULL);
	msgctl(empty, IPC_RMID, NULL);
	shmctl(segment, IPC_RMID, NULL);
	return result;
}

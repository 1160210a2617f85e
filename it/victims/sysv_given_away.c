/*
 * victim: System V semaphores and a message queue that have been given to another user
 * category: ipc
 * remark: in a restart of a plain user, which knows no other users, they are the user's own again
 */
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>

#include "victim.h"

#define OTHER 4242

static int set, queue;

static void check(void)
{
	struct sembuf more = { .sem_op = 1 }, less = { .sem_op = -1 };
	struct semid_ds status;
	struct msqid_ds messages;
	long message[2];

	victim_check(semctl(set, 0, GETVAL) == 3);
	victim_check(!semop(set, &more, 1) && !semop(set, &less, 1));
	victim_check(!semctl(set, 0, IPC_STAT, &status) && (status.sem_perm.mode & 0777) == 0640);
	victim_check(!msgctl(queue, IPC_STAT, &messages) && messages.msg_qnum == 1);
	victim_check((messages.msg_perm.mode & 0777) == 0620);
	victim_check(msgrcv(queue, message, sizeof(long), 7, IPC_NOWAIT) == sizeof(long));
	victim_check(message[1] == 77 && !msgsnd(queue, message, sizeof(long), IPC_NOWAIT));
}

int main(void)
{
	long message[2] = { 7, 77 };
	struct semid_ds status;
	struct msqid_ds messages;
	int result;

	set = semget(IPC_PRIVATE, 1, 0640);
	queue = msgget(IPC_PRIVATE, 0620);
	victim_check(set >= 0 && queue >= 0 && !semctl(set, 0, SETVAL, 3));
	victim_check(!msgsnd(queue, message, sizeof(long), IPC_NOWAIT));
	victim_check(!semctl(set, 0, IPC_STAT, &status) && !msgctl(queue, IPC_STAT, &messages));
	status.sem_perm.uid = messages.msg_perm.uid = OTHER;
	victim_check(!semctl(set, 0, IPC_SET, &status) && !msgctl(queue, IPC_SET, &messages));
	result = victim_run(check);
	victim_check(!semctl(set, 0, IPC_RMID) && !msgctl(queue, IPC_RMID, NULL));
	return result;
}

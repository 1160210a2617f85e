/*
 * victim: System V semaphores and message queues, same ids
 * category: ipc
 */
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>

#include "victim.h"

static int set, queue;

struct message {
	long type;
	char text[64];
};

static void expect(long type, const char *text)
{
	struct message m = { 0 };

	victim_check(msgrcv(queue, &m, sizeof(m.text), type, IPC_NOWAIT) == (ssize_t)strlen(text));
	victim_check(!memcmp(m.text, text, strlen(text)));
}

static void say(long type, const char *text)
{
	struct message m = { .type = type };

	strcpy(m.text, text);
	victim_check(!msgsnd(queue, &m, strlen(text), IPC_NOWAIT));
}

static void say_all(void)
{
	say(5, "five");
	say(2, "two");
	say(5, "five again");
	say(9, "");
}

static void check(void)
{
	struct sembuf more = { .sem_num = 2, .sem_op = 1 }, less = { .sem_num = 2, .sem_op = -1 };
	struct semid_ds status;

	victim_check(semctl(set, 0, GETVAL) == 3 && semctl(set, 1, GETVAL) == 0);
	victim_check(semctl(set, 2, GETVAL) == 1000);
	victim_check(!semop(set, &more, 1) && !semop(set, &less, 1));
	victim_check(!semctl(set, 0, IPC_STAT, &status) && (status.sem_perm.mode & 0777) == 0640);
	expect(2, "two");
	expect(0, "five");
	expect(5, "five again");
	expect(9, "");
	say_all();
}

int main(void)
{
	unsigned short values[3] = { 3, 0, 1000 };
	int result;

	set = semget(IPC_PRIVATE, 3, 0640);
	queue = msgget(IPC_PRIVATE, 0600);
	victim_check(set >= 0 && queue >= 0 && !semctl(set, 0, SETALL, values));
	say_all();
	result = victim_run(check);
	victim_check(!semctl(set, 0, IPC_RMID) && !msgctl(queue, IPC_RMID, NULL));
	return result;
}

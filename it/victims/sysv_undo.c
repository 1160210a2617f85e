/*
 * victim: System V semaphores with undo: what a process took comes back when it ends
 * category: ipc
 */
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/wait.h>

#include "victim.h"

#define MANY 600 /* more than one semop(2) takes */

static int set, large;
static pid_t child;

static void take_all(void)
{
	for (int n = 0; n < MANY; n++) {
		struct sembuf operation = { .sem_num = n, .sem_op = -1, .sem_flg = SEM_UNDO };

		victim_check(!semop(large, &operation, 1));
	}
}

static void check_all(int wanted)
{
	unsigned short values[MANY];

	victim_check(!semctl(large, 0, GETALL, values));
	for (int n = 0; n < MANY; n++)
		victim_check(values[n] == wanted);
}

static void change(int number, int amount, int flags)
{
	struct sembuf operation = { .sem_num = number, .sem_op = amount, .sem_flg = flags };

	victim_check(!semop(set, &operation, 1));
}

static void check(void)
{
	victim_check(semctl(set, 0, GETVAL) == 2 && semctl(set, 1, GETVAL) == 7);
	check_all(0);
	victim_check(!kill(child, 0));
}

int main(void)
{
	unsigned short values[2] = { 5, 4 }, free_ones[MANY];
	int result, status, ready[2];
	char byte;

	set = semget(IPC_PRIVATE, 2, 0600);
	victim_check(set >= 0 && !semctl(set, 0, SETALL, values) && !pipe(ready));
	for (int n = 0; n < MANY; n++)
		free_ones[n] = 1;
	large = semget(IPC_PRIVATE, MANY, 0600);
	victim_check(large >= 0 && !semctl(large, 0, SETALL, free_ones));
	child = fork();
	victim_check(child >= 0);
	if (!child) {
		change(0, -1, SEM_UNDO);
		change(0, -2, SEM_UNDO);
		change(1, 3, SEM_UNDO);
		change(1, 5, SEM_UNDO);
		change(1, -5, SEM_UNDO); /* these two cancel each other */
		take_all();
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	victim_check(read(ready[0], &byte, 1) == 1);
	result = victim_run(check);
	victim_check(!kill(child, SIGKILL) && waitpid(child, &status, 0) == child);
	victim_check(semctl(set, 0, GETVAL) == 5 && semctl(set, 1, GETVAL) == 4);
	check_all(1);
	victim_check(!semctl(set, 0, IPC_RMID) && !semctl(large, 0, IPC_RMID));
	return result;
}

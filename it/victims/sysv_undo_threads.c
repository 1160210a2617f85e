/*
 * victim: System V semaphores with undo in a process of several threads: small, large and negative
 * category: ipc
 * link: -pthread
 */
#include <pthread.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/wait.h>

#include "victim.h"

#define COUNT 70 /* more than one question of the engine asks about */

static int set, ready[2];
static pid_t child;
static unsigned short before[COUNT], during[COUNT];

/* What the process makes of semaphore @n; it gets back the opposite. */
static int change_of(int n)
{
	static const int changes[] = { -1, 0, -20000, 1, 20000, -2, 0, 32767, -32767, -300 };

	return n < 40 ? 0 : changes[n % 10];
}

static void change(int number, int amount)
{
	struct sembuf operation = { .sem_num = number, .sem_op = amount, .sem_flg = SEM_UNDO };

	if (amount && semop(set, &operation, 1))
		_exit(2);
}

static void *change_even(void *nothing)
{
	for (int n = 0; n < COUNT; n += 2)
		change(n, change_of(n));
	if (write(ready[1], "x", 1) != 1)
		_exit(1);
	for (;;)
		pause();
	return nothing;
}

static void hold(void)
{
	pthread_t other;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (pthread_create(&other, NULL, change_even, NULL))
		_exit(1);
	for (int n = 1; n < COUNT; n += 2)
		change(n, change_of(n));
	if (write(ready[1], "x", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static void check_values(const unsigned short wanted[COUNT])
{
	unsigned short values[COUNT];

	victim_check(!semctl(set, 0, GETALL, values));
	for (int n = 0; n < COUNT; n++)
		if (values[n] != wanted[n])
			victim_bad("semaphore %d is %d, not %d", n, values[n], wanted[n]);
}

static void check(void)
{
	check_values(during);
	victim_check(!kill(child, 0));
}

int main(void)
{
	int result, status;
	char byte;

	for (int n = 0; n < COUNT; n++) {
		before[n] = change_of(n) > 0 ? n % 20 ? 0 : 1 : 32767;
		if (before[n] + change_of(n) > 32767)
			before[n] = 0;
		during[n] = before[n] + change_of(n);
	}
	set = semget(IPC_PRIVATE, COUNT, 0600);
	victim_check(set >= 0 && !semctl(set, 0, SETALL, before) && !pipe(ready));
	child = fork();
	victim_check(child >= 0);
	if (!child)
		hold();
	victim_check(read(ready[0], &byte, 1) == 1 && read(ready[0], &byte, 1) == 1);
	/* What comes back here does not fit above the value, nor the value below it. */
	for (int n = 0; n < COUNT; n++) {
		struct sembuf more = { .sem_num = n, .sem_op = 2500 };

		victim_check(change_of(n) != -20000 || !semop(set, &more, 1));
		during[n] += change_of(n) == -20000 ? 2500 : 0;
	}
	result = victim_run(check);
	victim_check(!kill(child, SIGKILL) && waitpid(child, &status, 0) == child);
	check_values(before);
	victim_check(!semctl(set, 0, IPC_RMID));
	return result;
}

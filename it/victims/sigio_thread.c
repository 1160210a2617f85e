/*
 * victim: SIGIO to one thread and to a process group (F_SETOWN_EX)
 * category: descriptors
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "victim.h"

static int to_thread[2], to_group[2];
static volatile pid_t thread_id, hit;
static volatile int group_hits, ended;

static void on_signal(int number)
{
	if (number == SIGRTMIN + 4)
		hit = syscall(SYS_gettid);
	else
		group_hits++;
}

static void *live(void *unused)
{
	(void)unused;
	thread_id = syscall(SYS_gettid);
	while (!ended)
		usleep(10000);
	return NULL;
}

static void check(void)
{
	struct f_owner_ex owner;
	int before = group_hits;
	char byte;

	victim_check(!fcntl(to_thread[0], F_GETOWN_EX, &owner));
	victim_check(owner.type == F_OWNER_TID && owner.pid == thread_id);
	victim_check(!fcntl(to_group[0], F_GETOWN_EX, &owner));
	victim_check(owner.type == F_OWNER_PGRP && owner.pid == getpgrp());
	hit = 0;
	victim_check(write(to_thread[1], "x", 1) == 1);
	for (int n = 0; n < 200 && !hit; n++)
		usleep(10000);
	victim_check(hit == thread_id && read(to_thread[0], &byte, 1) == 1);
	victim_check(write(to_group[1], "x", 1) == 1);
	for (int n = 0; n < 200 && group_hits == before; n++)
		usleep(10000);
	victim_check(group_hits > before && read(to_group[0], &byte, 1) == 1);
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct f_owner_ex owner = { .type = F_OWNER_TID };
	pthread_t thread;

	setpgid(0, 0);
	victim_check(!pipe(to_thread) && !pipe(to_group));
	victim_check(!sigaction(SIGRTMIN + 4, &action, NULL));
	victim_check(!sigaction(SIGRTMIN + 5, &action, NULL));
	victim_check(!pthread_create(&thread, NULL, live, NULL));
	while (!thread_id)
		usleep(1000);
	owner.pid = thread_id;
	victim_check(!fcntl(to_thread[0], F_SETOWN_EX, &owner));
	victim_check(!fcntl(to_thread[0], F_SETSIG, SIGRTMIN + 4));
	victim_check(!fcntl(to_thread[0], F_SETFL, O_ASYNC | O_NONBLOCK));
	owner = (struct f_owner_ex){ .type = F_OWNER_PGRP, .pid = getpgrp() };
	victim_check(!fcntl(to_group[0], F_SETOWN_EX, &owner));
	victim_check(!fcntl(to_group[0], F_SETSIG, SIGRTMIN + 5));
	victim_check(!fcntl(to_group[0], F_SETFL, O_ASYNC | O_NONBLOCK));
	return victim_run(check);
}

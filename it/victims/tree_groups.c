/*
 * victim: process groups, also with a dead leader
 * category: tree
 */
#include "family.h"

static pid_t own_group, dead_group;

static void check(void)
{
	/* The number of the dead leader is in use as a group only. */
	victim_check(kill(dead_group, 0) < 0 && errno == ESRCH);
	victim_check(kill(-dead_group, 0) == 0);
	victim_check(getpgid(own_group) == own_group);
}

int main(void)
{
	pid_t leader, member;

	family_start();
	/* A group of two */
	own_group = fork();
	if (own_group == 0) {
		setpgid(0, 0);
		family_live(NULL);
	}
	setpgid(own_group, own_group);
	member = fork();
	if (member == 0) {
		setpgid(0, own_group);
		family_live(NULL);
	}
	/* A group whose leader has ended */
	leader = fork();
	if (leader == 0) {
		setpgid(0, 0);
		for (;;)
			pause();
	}
	setpgid(leader, leader);
	for (int i = 0; i < 2; i++)
		if (fork() == 0) {
			victim_check(setpgid(0, leader) == 0);
			family_live(NULL);
		}
	family_await(4);
	kill(leader, SIGKILL);
	victim_check(waitpid(leader, NULL, 0) == leader);
	dead_group = leader;
	return family_run(check);
}

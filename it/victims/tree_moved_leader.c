/*
 * victim: a group leader that went to another group
 * category: tree
 */
#include "family.h"

int main(void)
{
	pid_t leader;

	family_start();
	leader = fork();
	if (leader == 0) {
		setpgid(0, 0);
		while (family->count < 1)
			family_pause(5);
		victim_check(setpgid(0, getppid()) == 0 || setpgid(0, getpgid(getppid())) == 0);
		family_live(NULL);
	}
	setpgid(leader, leader);
	if (fork() == 0) {
		victim_check(setpgid(0, leader) == 0);
		family_live(NULL);
	}
	family_await(2);
	return family_run(NULL);
}

/*
 * victim: orphans adopted by a subreaper, one in a session with a dead leader
 * category: tree
 */
#include "family.h"

static void check(void)
{
	int is_subreaper = 0;

	victim_check(prctl(PR_GET_CHILD_SUBREAPER, &is_subreaper) == 0 && is_subreaper);
}

int main(void)
{
	family_start();
	victim_check(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	/* A daemon: its session's leader has ended. */
	if (fork() == 0) {
		setsid();
		if (fork() == 0) {
			while (getppid() != family->root)
				family_pause(5);
			if (fork() == 0)
				family_live(NULL);
			family_live(NULL);
		}
		_exit(3);
	}
	/* An orphan in a session whose leader lives. */
	if (fork() == 0) {
		setsid();
		if (fork() == 0) {
			if (fork() == 0) {
				while (getppid() != family->root)
					family_pause(5);
				family_live(NULL);
			}
			_exit(0);
		}
		wait(NULL);
		family_live(NULL);
	}
	victim_check(wait(NULL) > 0); /* the first leader */
	family_await(4);
	return family_run(check);
}

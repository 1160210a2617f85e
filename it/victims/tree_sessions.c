/*
 * victim: sessions, one born before its parent made its own
 * category: tree
 */
#include "family.h"

int main(void)
{
	family_start();
	if (fork() == 0) {
		/* Its first child stays in the session that it leaves. */
		if (fork() == 0)
			family_live(NULL);
		while (family->count < 1)
			family_pause(5);
		setsid();
		if (fork() == 0)
			family_live(NULL);
		if (fork() == 0) {
			if (fork() == 0) {
				/* in the session of its grandparent, and the child of a leader */
				while (family->count < 3)
					family_pause(5);
				family_live(NULL);
			}
			while (family->count < 2)
				family_pause(5);
			family_pause(50);
			setsid();
			family_live(NULL);
		}
		family_live(NULL);
	}
	family_await(5);
	return family_run(NULL);
}

/*
 * victim: threads with user ids, group ids and no_new_privs of their own
 * category: threads
 * needs: root
 */
#include <pthread.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "victim.h"

enum { USER, GROUP, FILE_USER, NO_NEW_PRIVILEGES, THREADS };

static volatile int started, wrong = -1;

/* The C library would change all threads. */
static bool is_right(int own)
{
	uid_t ids[3], wanted_user = own == USER ? 12345 : 0, wanted_group = own == GROUP ? 56 : 0;

	syscall(SYS_getresuid, &ids[0], &ids[1], &ids[2]);
	if (ids[0] != wanted_user || ids[1] != wanted_user || ids[2] != wanted_user)
		return false;
	syscall(SYS_getresgid, &ids[0], &ids[1], &ids[2]);
	if (ids[0] != wanted_group || ids[1] != wanted_group + !!wanted_group)
		return false;
	if (own == FILE_USER && setfsuid(-1) != 77)
		return false;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == (own == NO_NEW_PRIVILEGES);
}

static void *live(void *number)
{
	int own = (long)number, failed = 0;

	if (own == USER)
		failed = syscall(SYS_setresuid, 12345, 12345, 12345);
	else if (own == GROUP)
		failed = syscall(SYS_setresgid, 56, 57, 58);
	else if (own == FILE_USER)
		setfsuid(77);
	else
		failed = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	victim_check(!failed);
	__atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
	for (;;) {
		if (!is_right(own))
			wrong = own;
		usleep(5000);
	}
	return NULL;
}

static void check(void)
{
	if (wrong >= 0)
		victim_bad("thread %d has lost what was its own", wrong);
	victim_check(is_right(THREADS));
}

int main(void)
{
	for (long n = 0; n < THREADS; n++) {
		pthread_t thread;

		victim_check(!pthread_create(&thread, NULL, live, (void *)n));
	}
	while (started < THREADS)
		usleep(1000);
	return victim_run(check);
}

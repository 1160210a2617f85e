/*
 * victim: blocked signals that are pending, with their siginfo and order
 * category: process
 */
#include "victim.h"

static sigset_t blocked;

static void check(void)
{
	sigset_t pending;

	victim_check(sigpending(&pending) == 0);
	for (int i = 1; i < 64; i++)
		victim_check(sigismember(&pending, i) ==
			     (i == SIGHUP || i == SIGTERM || i == SIGRTMIN + 1 || i == SIGRTMIN + 2));
}

static void expect(int number, int code, int value)
{
	struct timespec now = { 0 };
	siginfo_t info;

	victim_check(sigtimedwait(&blocked, &info, &now) == number);
	victim_check(info.si_code == code && info.si_pid == getpid() && info.si_uid == getuid());
	if (code == SI_QUEUE)
		victim_check(info.si_value.sival_int == value);
}

int main(void)
{
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGHUP);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGRTMIN + 1);
	sigaddset(&blocked, SIGRTMIN + 2);
	victim_check(sigprocmask(SIG_BLOCK, &blocked, NULL) == 0);
	victim_check(kill(getpid(), SIGHUP) == 0);
	victim_check(raise(SIGTERM) == 0); /* to the thread */
	for (int i = 0; i < 5; i++)
		victim_check(sigqueue(getpid(), SIGRTMIN + 1 + i / 4,
				      (union sigval){ .sival_int = 100 + i }) == 0);
	victim_ready();
	do
		check();
	while (victim_tick());
	check();
	expect(SIGTERM, SI_USER, 0); /* private first; glibc hides SI_TKILL */
	expect(SIGHUP, SI_USER, 0);
	for (int i = 0; i < 5; i++)
		expect(SIGRTMIN + 1 + i / 4, SI_QUEUE, 100 + i);
	return victim_ok();
}

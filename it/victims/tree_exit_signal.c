/*
 * victim: children with another exit signal than SIGCHLD, or none
 * category: tree
 */
#include "family.h"

static pid_t with_usr2, silent;
static volatile sig_atomic_t got_usr2;

static void on_usr2(int signal_number)
{
	(void)signal_number;
	got_usr2++;
}

static void check(void)
{
	int status;

	/* Only __WCLONE or __WALL sees them. */
	victim_check(waitpid(-1, &status, WNOHANG) == -1 && errno == ECHILD);
	victim_check(waitpid(with_usr2, &status, WNOHANG | __WCLONE) == 0);
	victim_check(waitpid(silent, &status, WNOHANG | __WCLONE) == 0);
	victim_check(got_usr2 == 0);
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_usr2, .sa_flags = SA_RESTART };
	int status;

	family_start();
	victim_check(sigaction(SIGUSR2, &action, NULL) == 0);
	with_usr2 = family_clone(SIGUSR2);
	if (with_usr2 == 0)
		family_live(NULL);
	silent = family_clone(0);
	if (silent == 0)
		family_live(NULL);
	family_await(2);
	family_run(check);
	victim_check(waitpid(silent, &status, __WCLONE) == silent);
	victim_check(waitpid(with_usr2, &status, __WCLONE) == with_usr2);
	victim_check(got_usr2 == 1);
	return 0;
}

/*
 * victim: a child that shares memory, descriptors, directory and signal handlers
 * category: tree
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "family.h"

#define NUMBER 77

static volatile unsigned int plain;
static char stack[64 << 10] __attribute__((aligned(16)));

static void handler(int signal_number)
{
	(void)signal_number;
}

static void check(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	unsigned int before = plain;

	victim_check(sigaction(SIGUSR2, &action, NULL) == 0);
	for (int i = 0; i < 500 && (plain == before || action.sa_handler != handler); i++) {
		family_pause(5);
		victim_check(sigaction(SIGUSR2, NULL, &action) == 0);
	}
	victim_check(plain != before && action.sa_handler == handler);
	victim_check(fcntl(NUMBER, F_GETFD) >= 0);
}

static int run_child(void *unused)
{
	struct family_member *m = family_join();
	struct sigaction action = { .sa_handler = handler };

	(void)unused;
	if (dup2(0, NUMBER) != NUMBER)
		_exit(1);
	while (family_beat(m, NULL)) {
		plain++;
		sigaction(SIGUSR2, &action, NULL);
	}
	_exit(0);
}

int main(void)
{
	family_start();
	victim_check(clone(run_child, stack + sizeof(stack),
			   CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | SIGCHLD, NULL) > 0);
	family_await(1);
	family_pause(50);
	return family_run(check);
}

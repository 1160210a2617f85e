/*
 * victim: a child on the same memory (CLONE_VM), with descriptors of its own
 * category: tree
 */
#include <fcntl.h>

#include "family.h"

#define NUMBER 77

static volatile unsigned int plain; /* ordinary memory: both see it */
static char stack[64 << 10] __attribute__((aligned(16)));

static void check(void)
{
	unsigned int before = plain;

	for (int i = 0; i < 500 && plain == before; i++)
		family_pause(5);
	victim_check(plain != before);
	victim_check(fcntl(NUMBER, F_GETFD) < 0);
}

static int run_child(void *unused)
{
	struct family_member *m = family_join();

	(void)unused;
	if (dup2(0, NUMBER) != NUMBER)
		_exit(1);
	while (family_beat(m, NULL)) {
		plain++;
		if (fcntl(NUMBER, F_GETFD) < 0)
			strcpy(family->error, "the child's own descriptor has gone");
	}
	_exit(0);
}

int main(void)
{
	family_start();
	victim_check(clone(run_child, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL) > 0);
	family_await(1);
	return family_run(check);
}

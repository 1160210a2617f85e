/*
 * victim: a stopped child that its parent knows of
 * category: tree
 */
#include "family.h"

static pid_t child;
static volatile sig_atomic_t told;

static void on_child(int signal_number)
{
	(void)signal_number;
	told++;
}

static char state_of(pid_t pid)
{
	char path[64], text[256] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	victim_check(f && fread(text, 1, sizeof(text) - 1, f) > 0);
	fclose(f);
	return strrchr(text, ')')[2];
}

static void check(void)
{
	unsigned int beats = family->members[0].beats;
	int status;

	victim_check(state_of(child) == 'T');
	victim_check(waitpid(child, &status, WNOHANG | WUNTRACED | WCONTINUED) == 0);
	victim_check(family->members[0].beats == beats);
	victim_check(told == 0);
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_child, .sa_flags = SA_RESTART };
	int status;

	family_start();
	child = fork();
	if (child == 0)
		family_live(NULL);
	family_await(1);
	kill(child, SIGSTOP);
	victim_check(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
	family->members[0].silent = 1;
	victim_check(sigaction(SIGCHLD, &action, NULL) == 0);
	victim_ready();
	do
		check();
	while (victim_tick());
	check();
	/* And it goes on. */
	family->members[0].silent = 0;
	family->members[0].beats_before = family->members[0].beats;
	kill(child, SIGCONT);
	family_watch();
	family->quit = 1;
	return victim_ok();
}

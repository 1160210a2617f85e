/* Uses signals for itself all the time: sets handlers, asks for them, sends them, counts them. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static const int numbers[] = { SIGUSR2, SIGTRAP, SIGSYS };
static volatile sig_atomic_t seen;

static void first(int number)
{
	(void)number;
	seen++;
}

static void second(int number)
{
	(void)number;
	seen++;
}

static const char *use(int number)
{
	struct sigaction now = { .sa_handler = first }, then, old = { 0 };
	int before = seen;

	if (signal(number, second) == SIG_ERR || sigaction(number, NULL, &then) ||
	    then.sa_handler != second)
		return "the handler of signal() is another one";
	raise(number);
	if (sigaction(number, &now, &old) || old.sa_handler != second)
		return "what was there is another one";
	raise(number);
	if (seen != before + 2)
		return "a signal has not come";
	if (signal(number, SIG_DFL) != first)
		return "the handler of sigaction() is another one";
	return NULL;
}

int main(void)
{
	for (int i = 1;; i++) {
		for (size_t n = 0; n < sizeof(numbers) / sizeof(numbers[0]); n++) {
			const char *wrong = use(numbers[n]);

			if (wrong)
				printf("wrong: signal %d: %s\n", numbers[n], wrong);
		}
		if (i % 100 == 0) {
			printf("tick %d\n", i / 100);
			fflush(stdout);
		}
		usleep(1000);
	}
}

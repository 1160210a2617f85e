/*
 * The frame of a victim: see README.md here. Everything writes with write(2), so that no buffered
 * output is lost or doubled by a checkpoint.
 */
#ifndef VICTIM_H
#define VICTIM_H

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t victim_asked_to_finish;

__attribute__((format(printf, 1, 2))) static inline void victim_say(const char *format, ...)
{
	char line[512];
	va_list arguments;
	int bytes;

	va_start(arguments, format);
	bytes = vsnprintf(line, sizeof(line) - 1, format, arguments);
	va_end(arguments);
	if (bytes > (int)sizeof(line) - 2)
		bytes = sizeof(line) - 2;
	line[bytes++] = '\n';
	if (write(STDOUT_FILENO, line, bytes) != bytes)
		_exit(3);
}

/* The state is not what it must be: says why and ends. */
#define victim_bad(...)                         \
	do {                                    \
		victim_say("bad: " __VA_ARGS__); \
		_exit(1);                       \
	} while (0)

/* Dies with the expression, its place and errno unless @condition holds. */
#define victim_check(condition)                                                              \
	do {                                                                                 \
		if (!(condition))                                                            \
			victim_bad("%s:%d: %s (errno %d %s)", __FILE__, __LINE__, #condition, \
				   errno, strerror(errno));                                  \
	} while (0)

static inline void victim_on_finish(int signal_number)
{
	(void)signal_number;
	victim_asked_to_finish = 1;
}

/* Everything is set up: from now on a checkpoint may come at any moment. */
static inline void victim_ready(void)
{
	struct sigaction action = { .sa_handler = victim_on_finish, .sa_flags = SA_RESTART };

	victim_check(sigaction(SIGUSR1, &action, NULL) == 0);
	victim_say("ready");
}

/* Says `tick N` and waits 100 ms; false when the test wants the end. */
static inline bool victim_tick(void)
{
	static unsigned int ticks;
	struct timespec pause = { .tv_nsec = 100 * 1000 * 1000 };

	if (victim_asked_to_finish)
		return false;
	victim_say("tick %u", ++ticks);
	while (nanosleep(&pause, &pause) && errno == EINTR && !victim_asked_to_finish)
		;
	return !victim_asked_to_finish;
}

/* What the victim is about cannot be set up on this machine: the test is skipped. */
#define victim_unavailable(...)                          \
	do {                                             \
		victim_say("unavailable: " __VA_ARGS__); \
		_exit(0);                                \
	} while (0)

/* The last check has passed. */
static inline int victim_ok(void)
{
	victim_say("ok");
	return 0;
}

/*
 * As victim_run, for checks that sit in system calls which a handler would interrupt: the test's
 * SIGUSR1 waits until the check is over.
 */
static inline int victim_run_undisturbed(void (*check)(void))
{
	sigset_t finish;

	sigemptyset(&finish);
	sigaddset(&finish, SIGUSR1);
	victim_ready();
	do {
		sigprocmask(SIG_BLOCK, &finish, NULL);
		check();
		sigprocmask(SIG_UNBLOCK, &finish, NULL);
	} while (victim_tick());
	return victim_ok();
}

/*
 * The whole life of a victim with one check: runs it before every tick and once at the end. The
 * check ends the program itself (victim_check, victim_bad) when something is wrong.
 */
static inline int victim_run(void (*check)(void))
{
	victim_ready();
	do
		check();
	while (victim_tick());
	check();
	return victim_ok();
}

#endif

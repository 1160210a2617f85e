#include "contain.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* What a faulty hook makes the kernel or the C library send to its own thread. */
static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP };
#define FAULTS (sizeof(faults) / sizeof(faults[0]))

static __thread sigjmp_buf way_out;
static __thread volatile bool inside;
static __thread char reason[128];
static struct sigaction before[FAULTS]; /* the program's: one helper thread sets and resets them */

bool contain_is_here(void)
{
	return inside;
}

void contain_leave(const char *why)
{
	snprintf(reason, sizeof(reason), "%s", why);
	inside = false;
	siglongjmp(way_out, 1);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
	const struct sigaction *theirs = NULL;

	if (inside) {
		char why[64];

		snprintf(why, sizeof(why), number == SIGABRT ? "it called abort()" :
			 "it was hit by signal %d (%s)", number, sigabbrev_np(number));
		contain_leave(why);
	}
	/* A thread of the program, which runs beside PRESUSPEND and RUNNING. */
	for (size_t i = 0; i < FAULTS; i++)
		if (faults[i] == number)
			theirs = &before[i];
	if (theirs->sa_flags & SA_SIGINFO) {
		theirs->sa_sigaction(number, info, context);
	} else if (theirs->sa_handler == SIG_DFL) {
		sigaction(number, theirs, NULL); /* and it happens again */
		if (info->si_code <= 0)
			raise(number);
	} else if (theirs->sa_handler != SIG_IGN) {
		theirs->sa_handler(number);
	}
}

static void catch_faults(void)
{
	struct sigaction ours = { .sa_sigaction = on_fault,
				  .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };

	for (size_t i = 0; i < FAULTS; i++)
		sigaction(faults[i], &ours, &before[i]);
}

static void release_faults(void)
{
	for (size_t i = 0; i < FAULTS; i++) {
		struct sigaction now;

		/* The program may have set its own meanwhile. */
		if (!sigaction(faults[i], NULL, &now) && now.sa_flags & SA_SIGINFO &&
		    now.sa_sigaction == on_fault)
			sigaction(faults[i], &before[i], NULL);
	}
}

bool contain_run(void (*hook)(const DmtcpEvent_t, DmtcpEventData_t *), DmtcpEvent_t event, char *why,
		 size_t bytes)
{
	volatile bool fine = false;

	catch_faults();
	if (!sigsetjmp(way_out, 1)) {
		inside = true;
		hook(event, NULL);
		inside = false;
		fine = true;
	}
	release_faults();
	if (!fine)
		snprintf(why, bytes, "%s", reason);
	return fine;
}

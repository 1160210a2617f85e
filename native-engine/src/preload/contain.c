#include "contain.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

/* What a faulty hook makes the kernel or the C library send to its own thread. */
static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP };
#define FAULTS (sizeof(faults) / sizeof(faults[0]))

static __thread sigjmp_buf way_out;
static __thread volatile bool inside;
static __thread char reason[128];
static struct sigaction before[FAULTS]; /* the program's: one helper thread sets and resets them */
static struct sigaction before_limit;
static int limit_signal;

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

#pragma weak sigabbrev_np /* not in musl */

static void on_fault(int number, siginfo_t *info, void *context)
{
	const struct sigaction *theirs = NULL;

	if (inside) {
		char why[64];

		snprintf(why, sizeof(why), number == SIGABRT ? "it called abort()" :
			 "it was hit by signal %d (%s)", number, sigabbrev_np ? sigabbrev_np(number) : "");
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

/* Our time is over; or the program was sent that signal: another thread shall have it. */
static void on_limit(int number, siginfo_t *info, void *context)
{
	if (inside && info->si_code == SI_TIMER && info->si_value.sival_ptr == &before_limit)
		contain_leave("it did not return in time");
	if (inside) {
		sigaddset(&((ucontext_t *)context)->uc_sigmask, number);
		kill(getpid(), number);
	} else if (before_limit.sa_flags & SA_SIGINFO) {
		before_limit.sa_sigaction(number, info, context);
	} else if (before_limit.sa_handler == SIG_DFL) {
		sigaction(number, &before_limit, NULL);
		raise(number);
	} else if (before_limit.sa_handler != SIG_IGN) {
		before_limit.sa_handler(number);
	}
}

static bool start_limit(timer_t *timer, unsigned int limit_ms)
{
	struct sigaction ours = { .sa_sigaction = on_limit, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	struct itimerspec when = { .it_value = { limit_ms / 1000, limit_ms % 1000 * 1000000l } };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID,
				  .sigev_value.sival_ptr = &before_limit };
	sigset_t set;

	limit_signal = dmtcp_get_ckpt_signal();
	event.sigev_signo = limit_signal;
	event.sigev_notify_thread_id = syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &event, timer))
		return false;
	sigaction(limit_signal, &ours, &before_limit);
	sigemptyset(&set);
	sigaddset(&set, limit_signal);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	timer_settime(*timer, 0, &when, NULL);
	return true;
}

static void end_limit(timer_t timer)
{
	struct sigaction now;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, limit_signal);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	timer_delete(timer);
	if (!sigaction(limit_signal, NULL, &now) && now.sa_flags & SA_SIGINFO &&
	    now.sa_sigaction == on_limit)
		sigaction(limit_signal, &before_limit, NULL);
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

bool contain_run(void (*hook)(const DmtcpEvent_t, DmtcpEventData_t *), DmtcpEvent_t event,
		 unsigned int limit_ms, char *why, size_t bytes)
{
	volatile bool fine = false, limited;
	timer_t timer;

	catch_faults();
	limited = start_limit(&timer, limit_ms);
	if (!sigsetjmp(way_out, 1)) {
		inside = true;
		hook(event, NULL);
		inside = false;
		fine = true;
	}
	if (limited)
		end_limit(timer);
	release_faults();
	if (!fine)
		snprintf(why, bytes, "%s", reason);
	return fine;
}

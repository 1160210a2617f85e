#include "contain.h"

#include <dlfcn.h>
#include <pthread.h>
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

/* Only the helper thread runs hooks in this way, one after the other. */
static sigjmp_buf way_out;
static volatile bool running;
static char reason[128];
static pthread_t thread; /* of the hook that runs */
static pid_t owner;
/*
 * What the program has set for them. The kernel has ours while a hook runs, and nobody else shall see
 * that: whoever asks or sets meanwhile gets and sets these (wrappers/signals.c).
 */
static struct sigaction before[FAULTS];
static struct sigaction before_limit;
static int limit_signal;
static bool limit_is_ours, faults_are_ours;
static pthread_mutex_t views = PTHREAD_MUTEX_INITIALIZER;

/* A child of fork(2) has the thread that made it. */
static bool inside(void)
{
	return running && pthread_equal(thread, pthread_self());
}

/* Past our own wrapper. */
static int kernel_action(int number, const struct sigaction *now, struct sigaction *old)
{
	static int (*next)(int, const struct sigaction *, struct sigaction *);

	if (!next)
		next = dlsym(RTLD_NEXT, "sigaction");
	return next(number, now, old);
}

/*
 * Not by pthread_sigmask(3), which is wrapped and leaves a hook's limit open: it would end the hook that
 * asks, with the lock held.
 */
static void lock_views(sigset_t *before)
{
	sigset_t all;

	sigfillset(&all);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, before, _NSIG / 8);
	pthread_mutex_lock(&views);
}

static void unlock_views(const sigset_t *before)
{
	pthread_mutex_unlock(&views);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, before, NULL, _NSIG / 8);
}

/* Under the lock. NULL: the kernel has what the program has set. */
static struct sigaction *view_of(int number)
{
	if (limit_is_ours && number == limit_signal)
		return &before_limit;
	for (size_t i = 0; faults_are_ours && i < FAULTS; i++)
		if (faults[i] == number)
			return &before[i];
	return NULL;
}

bool contain_view(int number, const struct sigaction *now, struct sigaction *old)
{
	struct sigaction *view, set;
	sigset_t mask;

	if (!__atomic_load_n(&faults_are_ours, __ATOMIC_ACQUIRE))
		return false;
	if (now)
		set = *now; /* @old may be the same */
	lock_views(&mask); /* handlers may come here too */
	view = view_of(number);
	if (view && old)
		*old = *view;
	if (view && now)
		*view = set;
	unlock_views(&mask);
	return view;
}

void contain_after_fork(void)
{
	pthread_mutex_init(&views, NULL);
	if (limit_is_ours)
		kernel_action(limit_signal, &before_limit, NULL);
	for (size_t i = 0; faults_are_ours && i < FAULTS; i++)
		kernel_action(faults[i], &before[i], NULL);
	limit_is_ours = faults_are_ours = false;
	running = false; /* a child that a hook has made ends as it likes */
}

int contain_needs(void)
{
	return inside() && limit_is_ours ? limit_signal : 0;
}

/* A child that a hook has made by vfork(2) runs in this very thread's memory, and ends as it likes. */
bool contain_is_here(void)
{
	return inside() && getpid() == owner;
}

bool contain_is_running(void)
{
	return inside();
}

void contain_leave(const char *why)
{
	snprintf(reason, sizeof(reason), "%s", why);
	running = false;
	siglongjmp(way_out, 1);
}

#pragma weak sigabbrev_np /* not in musl */

static void on_fault(int number, siginfo_t *info, void *context)
{
	const struct sigaction *theirs = NULL;

	if (inside()) {
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
	} else if (theirs->sa_handler == SIG_DFL ||
		   (theirs->sa_handler == SIG_IGN && info->si_code > 0)) { /* nobody ignores a fault */
		kernel_action(number, theirs, NULL); /* and it happens again */
		if (info->si_code <= 0)
			raise(number);
	} else if (theirs->sa_handler != SIG_IGN) {
		theirs->sa_handler(number);
	}
}

/* Our time is over; or the program was sent that signal: another thread shall have it. */
static void on_limit(int number, siginfo_t *info, void *context)
{
	if (inside() && info->si_code == SI_TIMER && info->si_value.sival_ptr == &before_limit)
		contain_leave("it did not return in time");
	if (inside()) {
		sigaddset(&((ucontext_t *)context)->uc_sigmask, number);
		kill(getpid(), number);
	} else if (before_limit.sa_flags & SA_SIGINFO) {
		before_limit.sa_sigaction(number, info, context);
	} else if (before_limit.sa_handler == SIG_DFL) {
		kernel_action(number, &before_limit, NULL);
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
	sigset_t set, mask;

	limit_signal = dmtcp_get_ckpt_signal();
	event.sigev_signo = limit_signal;
	event.sigev_notify_thread_id = syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &event, timer))
		return false;
	lock_views(&mask);
	kernel_action(limit_signal, NULL, &before_limit); /* known before it may be asked for */
	limit_is_ours = true;
	kernel_action(limit_signal, &ours, &before_limit);
	unlock_views(&mask);
	sigemptyset(&set);
	sigaddset(&set, limit_signal);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	timer_settime(*timer, 0, &when, NULL);
	return true;
}

static void end_limit(timer_t timer)
{
	struct sigaction now;
	sigset_t set, mask;

	sigemptyset(&set);
	sigaddset(&set, limit_signal);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	timer_delete(timer);
	lock_views(&mask);
	/* A program that asks the kernel itself may have set its own meanwhile. */
	if (!kernel_action(limit_signal, NULL, &now) && now.sa_flags & SA_SIGINFO &&
	    now.sa_sigaction == on_limit)
		kernel_action(limit_signal, &before_limit, NULL);
	limit_is_ours = false;
	unlock_views(&mask);
}

static void catch_faults(void)
{
	struct sigaction ours = { .sa_sigaction = on_fault,
				  .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
	sigset_t mask;

	lock_views(&mask);
	for (size_t i = 0; i < FAULTS; i++)
		kernel_action(faults[i], NULL, &before[i]); /* known before they may be asked for */
	__atomic_store_n(&faults_are_ours, true, __ATOMIC_SEQ_CST);
	for (size_t i = 0; i < FAULTS; i++)
		kernel_action(faults[i], &ours, &before[i]);
	unlock_views(&mask);
}

static void release_faults(void)
{
	sigset_t mask;

	lock_views(&mask);
	for (size_t i = 0; i < FAULTS; i++) {
		struct sigaction now;

		if (!kernel_action(faults[i], NULL, &now) && now.sa_flags & SA_SIGINFO &&
		    now.sa_sigaction == on_fault)
			kernel_action(faults[i], &before[i], NULL);
	}
	__atomic_store_n(&faults_are_ours, false, __ATOMIC_SEQ_CST);
	unlock_views(&mask);
}

bool contain_call(void (*work)(void *), void *argument, unsigned int limit_ms, char *why,
		  size_t bytes)
{
	volatile bool fine = false, limited;
	sigset_t mask; /* whatever the hook makes of it */
	timer_t timer;

	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, _NSIG / 8);
	catch_faults();
	limited = start_limit(&timer, limit_ms);
	owner = getpid();
	thread = pthread_self();
	if (!sigsetjmp(way_out, 1)) {
		running = true;
		work(argument);
		running = false;
		fine = true;
	}
	if (limited)
		end_limit(timer);
	release_faults();
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, _NSIG / 8);
	if (!fine)
		snprintf(why, bytes, "%s", reason);
	return fine;
}

struct call {
	void (*hook)(const DmtcpEvent_t, DmtcpEventData_t *);
	DmtcpEvent_t event;
};

static void call_hook(void *argument)
{
	const struct call *call = argument;

	call->hook(call->event, NULL);
}

bool contain_run(void (*hook)(const DmtcpEvent_t, DmtcpEventData_t *), DmtcpEvent_t event,
		 unsigned int limit_ms, char *why, size_t bytes)
{
	struct call call = { hook, event };

	return contain_call(call_hook, &call, limit_ms, why, bytes);
}

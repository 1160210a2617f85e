/*
 * While a hook runs in the helper thread, the kernel has handlers of ours for some signals. A program
 * sees its own at all times: preload/contain.c.
 */
#include <pthread.h>
#include <signal.h>

#include "../preload/for_wrappers.h"

int sigaction(int number, const struct sigaction *now, struct sigaction *before)
{
	if (dmtcp_internal_signal_view(number, now, before))
		return 0;
	return NEXT_FNC(sigaction)(number, now, before);
}

/* As the C library's: handlers stay and calls are restarted, see signal(7). */
sighandler_t signal(int number, sighandler_t handler)
{
	struct sigaction now = { .sa_handler = handler, .sa_flags = SA_RESTART }, before;

	sigaddset(&now.sa_mask, number);
	if (handler != SIG_ERR && dmtcp_internal_signal_view(number, &now, &before))
		return before.sa_handler;
	return NEXT_FNC(signal)(number, handler);
}

/* A hook must not block what ends it when its time is over. */
static const sigset_t *allowed(int how, const sigset_t *set, sigset_t *changed)
{
	int number = how == SIG_UNBLOCK || !set ? 0 : dmtcp_internal_needed_signal();

	if (!number)
		return set;
	*changed = *set;
	sigdelset(changed, number);
	return changed;
}

int sigprocmask(int how, const sigset_t *set, sigset_t *before)
{
	sigset_t changed;

	return NEXT_FNC(sigprocmask)(how, allowed(how, set, &changed), before);
}

int pthread_sigmask(int how, const sigset_t *set, sigset_t *before)
{
	sigset_t changed;

	return NEXT_FNC(pthread_sigmask)(how, allowed(how, set, &changed), before);
}
